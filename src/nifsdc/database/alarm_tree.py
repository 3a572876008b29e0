"""Which records can be in alarm, as the XML that a Phoebus alarm server imports.

``config`` has a ``component`` for each group of status records, with a ``pv`` for each that has limits,
states with a severity, or the health of a part.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from nifsdc.database.definition import Definition, StatusDef
from nifsdc.database.names import Names

HEALTH = "dcHealthAlarm"
"""subroutine of a status record whose alarm is a part's health"""
WORST = "MAJOR"
GUIDANCE = "What to do"
REMEDIES = {
    "health": "The record's OMSS says why. initSDSU, init or reboot, in this order, bring back what failed.",
    "data": "Is the data server up, and has its disk room? What waits in the spool is sent by itself.",
    "sdsu": "Look at the electronics: cryostat, power supplies, fibre. init starts the controller up again.",
    "exposure": "Look at the image: a shorter exposure, or more coadds, keeps away from saturation.",
}
"""by group of status records"""


def alarming(definition: Definition) -> list[StatusDef]:
    """Return the status records that can be in alarm."""
    return [
        status
        for status in definition.status
        if status.limits or status.severities or status.fields.get("SNAM") == HEALTH
    ]


def alarm_xml(definition: Definition, top: str, name: str) -> str:
    """Return the configuration of an alarm server.

    Parameters
    ----------
    definition
        the database
    top
        prefix of the records
    name
        of the configuration: its root, and the Kafka topics that begin with it

    Raises
    ------
    ValueError
        for a name that Kafka does not take
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", name):
        raise ValueError(
            f"{name!r}: expected letters, digits, '.', '_' and '-', for Kafka's topics have no others"
        )
    names = Names(top)
    root = ET.Element("config", name=name)
    groups: dict[str, ET.Element] = {}
    for status in alarming(definition):
        if status.group not in groups:
            groups[status.group] = _component(root, status.group)
        _pv(groups[status.group], status, names.sad(status.name))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _component(root: ET.Element, group: str) -> ET.Element:
    component = ET.SubElement(root, "component", name=group.capitalize())
    if group in REMEDIES:
        guidance = ET.SubElement(component, "guidance")
        ET.SubElement(guidance, "title").text = GUIDANCE
        ET.SubElement(guidance, "details").text = REMEDIES[group]
    return component


def _pv(component: ET.Element, status: StatusDef, name: str) -> None:
    pv = ET.SubElement(component, "pv", name=name)
    ET.SubElement(pv, "description").text = status.description
    ET.SubElement(pv, "enabled").text = "true"
    # What becomes well by itself needs nobody, unless it was bad enough to be lost on who looked away.
    ET.SubElement(pv, "latching").text = _boolean(_worst(status))
    ET.SubElement(pv, "annunciating").text = _boolean(_worst(status))


def _worst(status: StatusDef) -> bool:
    severities = {limit.severity for limit in status.limits.values()} | set(status.severities.values())
    return WORST in severities or status.fields.get("SNAM") == HEALTH


def _boolean(value: bool) -> str:
    return "true" if value else "false"
