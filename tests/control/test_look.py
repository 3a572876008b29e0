"""What is shown beside what is observed, from the parameters."""

from __future__ import annotations

from nifsdc.control.infrared import infrared_request
from nifsdc.control.settings import look
from nifsdc.database import load
from nifsdc.tasks.messages import Look, ObservationKind
from nifsdc.timing.infrared import IrRequest

DEFINITION = load()
DEFAULTS = DEFINITION.parameter_dictionary().snapshot()


def of(**values: int | float | str) -> Look:
    parameters = {**DEFAULTS, **values}
    ordinals = {p.name: p.choices.index(str(parameters[p.name])) for p in DEFINITION.parameters if p.choices}
    return look("dataView", parameters, ordinals, infrared_request)


def test_at_first_there_is_nothing() -> None:
    assert of() == Look()
    # A name alone is not a wish, nor is a view's setting.
    assert of(view_subFile="sky", obs_subFile="sky", view_exposed=60.0) == Look()


def test_views_while_idle_have_the_settings_of_views_alone() -> None:
    views = of(view_idle="Enabled", view_exposed=60.0, obs_exposed=7.0, viewQlStream="mine").views
    assert views is not None
    assert (views.kind, views.idle, views.stored, views.stream) == (ObservationKind.VIEW, True, False, "mine")
    assert isinstance(views.request, IrRequest)
    assert views.request.exposure == 60.0


def test_it_changes_with_what_it_is_made_of_and_with_nothing_else() -> None:
    enabled = of(view_idle="Enabled")
    assert enabled == of(view_idle="Enabled", obs_exposed=7.0)
    assert enabled != of(view_idle="Enabled", view_exposed=7.0)


def test_each_mode_has_its_own_sky() -> None:
    assert of(view_doSubFile="Yes", view_subFile=" v ", obs_subFile="r") == Look(view_sky="v")
    assert of(obs_doSubFile="Yes", view_subFile="v", obs_subFile="r") == Look(run_sky="r")
