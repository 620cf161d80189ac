"""Name and group the operations of the published document; apart from schema.py, for the framework imports this with its settings."""

import re

from drf_spectacular.openapi import AutoSchema


class Described(AutoSchema):
    """Name each operation by its method and the class that serves it, as in get_meter_by_id: unique, and stable for ever."""

    def get_operation_id(self) -> str:
        words = re.findall("[A-Z][a-z]+", type(self.view).__name__)
        return "_".join([self.method.lower(), *(word.lower() for word in words)])

    def get_tags(self) -> list[str]:
        return [self.path.split("/")[3]]
