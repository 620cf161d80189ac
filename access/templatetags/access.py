"""Ask in a template what the signed-in user may do."""

from typing import Any

from django import template

from access import people

register = template.Library()


@register.simple_tag(takes_context=True)
def may(context: dict[str, Any], name: str) -> bool:
    """{% may "dashboard:meter_create" as allowed %}: show the link or button?"""
    return people.may(context["request"].user, name)


@register.simple_tag(takes_context=True)
def may_write(context: dict[str, Any], name: str) -> bool:
    """{% may_write "dashboard:meter" as allowed %}: show the form on that page?"""
    return people.may_write(context["request"].user, name)
