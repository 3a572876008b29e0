"""The keywords of a header template, with the values that their sources have at the time.

A source that has no value costs the keyword its value and nothing else: the default stands there, its
comment says so, and the keyword HDRMISS and the status record ``hdrMissing`` count it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nifsdc.data.frame import Card, CardValue, FrameError
from nifsdc.data.header import keyword_of
from nifsdc.data.template import Entry, HeaderTemplate, Moment, Source, converted

DEFAULT = "DEFAULT, no value"
"""what the comment of a keyword begins with whose source had no value"""
COMMENT_LENGTH = 47
"""characters of a comment that a card has room for behind a number"""

_log = logging.getLogger("nifsdc.header")


class NoValue(Exception):
    """A source has no value; the text says why, in a few words."""


@dataclass(frozen=True)
class Sample:
    """What a source said: a value, or why it had none."""

    value: CardValue
    missing: str = ""


Samples = Mapping[str, Sample]
Fetch = Callable[[Entry], CardValue]
"""returns the present value of a source, or raises `NoValue`"""


class TemplateCards:
    """Makes the cards of a template.

    Parameters
    ----------
    template
        the entries
    sources
        who is asked for the value of an entry of each kind but constants and functions
    """

    def __init__(self, template: HeaderTemplate, sources: Mapping[Source, Fetch]) -> None:
        self._template = template
        self._sources = sources

    def begin(self) -> Samples:
        """Return the values of the keywords that are taken at the start, by keyword."""
        return self._samples(Moment.START, {})

    def end(self, begun: Samples, known: Mapping[str, CardValue]) -> tuple[tuple[Card, ...], int]:
        """Return the cards of all entries, and how many of them had no value.

        Parameters
        ----------
        begun
            what `begin` returned when the observation began
        known
            the keywords of the primary header so far, for functions
        """
        samples = {**begun, **self._samples(Moment.END, {**known, **_values(begun)})}
        made = tuple(_card(entry, samples[entry.keyword]) for entry in self._template.entries)
        return made, sum(bool(sample.missing) for sample in samples.values())

    def _samples(self, moment: Moment, known: Mapping[str, CardValue]) -> dict[str, Sample]:
        entries = [entry for entry in self._template.entries if entry.at is moment]
        samples: dict[str, Sample] = {}
        # Functions last: they are told what the others said.
        for entry in sorted(entries, key=lambda each: each.source is Source.FUNCTION):
            samples[entry.keyword] = sample = self._sample(entry, {**known, **_values(samples)})
            if sample.missing:
                _log.warning(
                    "header: %s has no value: %s %s: %s",
                    *(entry.keyword, entry.source.value, entry.of, sample.missing),
                )
        return samples

    def _sample(self, entry: Entry, known: Mapping[str, CardValue]) -> Sample:
        try:
            return Sample(converted(entry.kind, self._value(entry, known)))
        except NoValue as error:
            return Sample(entry.default, str(error))
        except Exception as error:
            # Whatever a source or a function of the observatory's does, the data are kept.
            return Sample(entry.default, f"{type(error).__name__}: {error}")

    def _value(self, entry: Entry, known: Mapping[str, CardValue]) -> CardValue:
        if entry.source is Source.CONSTANT:
            return entry.of
        if entry.function is not None:
            return entry.function(known)
        return self._sources[entry.source](entry)


def _values(samples: Samples) -> dict[str, CardValue]:
    return {keyword: sample.value for keyword, sample in samples.items()}


def _card(entry: Entry, sample: Sample) -> Card:
    known = keyword_of(entry.keyword)
    comment = entry.comment or (known.comment if known is not None else "")
    extension = entry.extension or (known.extension if known is not None else "")
    if sample.missing:
        comment = f"{DEFAULT}: {comment}"[:COMMENT_LENGTH].rstrip()
    value = "UNKNOWN" if sample.value is None and entry.kind == "text" else sample.value
    try:
        return Card(entry.keyword, value, comment, extension)
    except FrameError as error:
        _log.warning("header: %s", error)
        return Card(entry.keyword, None, comment, extension)
