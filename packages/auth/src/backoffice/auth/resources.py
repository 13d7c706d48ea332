"""What a model is called in permissions: `OrderLine` is `order-lines`."""

import re


def words(class_name: str) -> str:
    """`OrderLine` as `Order line`."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[^A-Za-z0-9]", class_name)
    return " ".join(found).capitalize()


def plural(word: str) -> str:
    """The English plural of a regular noun."""
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    if re.search(r"(s|x|z|ch|sh)$", word):
        return f"{word}es"
    return f"{word}s"


def resource_of(model: type[object]) -> str:
    """The name of the model in permissions and addresses."""
    return plural(words(model.__name__).lower().replace(" ", "-"))
