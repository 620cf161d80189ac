"""Sign people in and out and let them change their own password."""

from django.contrib.auth import views
from django.urls import reverse_lazy


class LogIn(views.LoginView):
    """A person who is signed in already goes on to where they wanted."""

    redirect_authenticated_user = True


class LogOut(views.LogoutView):
    """POST only, so that no link or image of another site signs anybody out."""

    http_method_names = ["post"]


class ChangePassword(views.PasswordChangeView):
    template_name = "registration/change_password.html"
    success_url = reverse_lazy("password_change_done")


class PasswordChanged(views.PasswordChangeDoneView):
    template_name = "registration/password_changed.html"
