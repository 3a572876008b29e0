"""Run sequences of INS-DAS-18 as data (`annexes`, of `steps`), and what carries them out (`runner`)."""
