"""What is wrong with a template."""


class TemplateError(Exception):
    """A template, or a value given to it, is refused. `place`: where, such as resources[0].name; empty where that is not known yet."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.message, self.place = message, place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message
