"""The proof that nothing is lost: clients under load, faults in real processes, and checkers of what was answered.

``history`` is what clients noted, ``checkers`` judge it, ``simulated`` makes histories of sound and broken systems
(a checker counts only if it catches the broken ones), ``load`` runs the clients, ``processes`` and ``cluster`` are the
system under test, ``faults`` what is done to it, ``gaps`` how long nothing was answered. ``bin/chaos`` is the command.
"""
