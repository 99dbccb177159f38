"""Checks of how a method is called: other names are taken, and a wrong call ends in one line."""

from collections.abc import Callable, Mapping
import functools
import inspect
import types
import typing

from labse_jax.base.errors import nearest
from labse_jax.encoding import habits

NONE: Mapping[str, str] = types.MappingProxyType({})
Method = typing.TypeVar("Method", bound=Callable[..., object])


@typing.overload
def checked(call: str, *, other_names: Mapping[str, str] = NONE) -> Callable[[Method], Method]: ...
@typing.overload
def checked(
  call: str, *, like: Method, other_names: Mapping[str, str] = NONE
) -> Callable[[Callable[..., object]], Method]: ...
def checked(
  call: str, *, like: Callable[..., object] | None = None, other_names: Mapping[str, str] = NONE
) -> Callable[[Callable[..., object]], Callable[..., object]]:
  """A decorator for a method that people know as `call`; a wrong call raises TypeError.

  `other_names` are those that its arguments have elsewhere: {other name: name}. `like` is the
  method that it passes its arguments on to, and whose signature it has. An argument of
  sentence-transformers that it does not take is left away where it says what is usual, such as
  convert_to_tensor=False.
  """

  def decorate(method):
    signature = inspect.signature(like or method)
    _, *parameters = signature.parameters.values()  # Without self.

    @functools.wraps(method)
    def with_checks(self, *values, **given):
      given = _taken(call, given, [each.name for each in parameters], other_names)
      _check_places(call, values, given, parameters)
      return method(self, *values, **given)

    # `inspect` reads it.
    with_checks.__signature__ = signature  # type: ignore[attr-defined]  # Not in typeshed.
    return with_checks

  return decorate


def _taken(call, given, names, other_names):
  """The arguments that `call` takes, under its own `names`; raises TypeError for others."""
  taken = {}
  for name, value in given.items():
    own = other_names.get(name, name)
    if own in taken:
      raise TypeError(f"{call} got {own} twice, also as {name}; give it once.")
    if own in names:
      taken[own] = value
    elif name not in habits.ARGUMENTS:
      hint = nearest(name, names) or "."
      raise TypeError(f"{call} takes no {name!r}{hint} It takes {', '.join(names)}.")
    elif not habits.is_usual(name, value):
      raise TypeError(f"{call} takes no {name}: {habits.ARGUMENTS[name]}.")
  return taken


def _check_places(call, values, given, parameters):
  """Raises TypeError for too many `values` without a name, and for what is missing."""
  places = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
  if len(values) > len(places):
    others = [f"{each.name}=" for each in parameters if each.kind is each.KEYWORD_ONLY]
    named = f"; name what follows: {', '.join(others)}" if others else ""
    raise TypeError(
      f"{call} takes only {', '.join(places)} without a name, and got {len(values)} values{named}."
    )
  for name in places[: len(values)]:
    if name in given:
      raise TypeError(f"{call} got {name} twice, by its place and by its name; give it once.")
  for each in parameters[len(values) :]:
    if each.default is each.empty and each.name not in given:
      raise TypeError(f"{call} needs {each.name}; give it first.")
