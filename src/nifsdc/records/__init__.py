"""Record engine: Gemini's and EPICS base's record types as pure state machines, and their CA server."""
