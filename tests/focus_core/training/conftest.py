"""No test in this folder looks at a picture that it has drawn itself."""

from dots import pictures_of_one_dot

__all__ = ["pictures_of_one_dot"]
