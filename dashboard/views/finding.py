"""Answer the field that finds anything: one thing that is meant opens at once, all else is listed."""

from functools import partial

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from access import people
from dashboard.reading import finding

LONGEST = 500


class FindForm(forms.Form):
    """Whatever a person has in hand: an id, a number, an e-mail address, a part of a name."""

    q = forms.CharField(label=_("Find"), max_length=LONGEST, widget=forms.SearchInput(attrs={"autocomplete": "off"}))


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    form = FindForm(request.GET if "q" in request.GET else None)
    if not form.is_valid():
        return render(request, "dashboard/find.html", {"form": form, "groups": [], "sought": ""})
    sought = form.cleaned_data["q"]
    groups = finding.find(sought, may=partial(people.may, request.user))
    if meant := finding.only(groups):
        return redirect(meant.url)
    return render(request, "dashboard/find.html", {"form": form, "groups": groups, "sought": sought})
