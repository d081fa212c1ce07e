"""People: what a person of ours may do.

Each act is one function, one transaction, and one line in the history with its actor. Faces change the store only
through here.
"""

from mailgate.desk.held import Held
from mailgate.desk.queues import Queues
from mailgate.desk.senders import Senders
from mailgate.desk.sorting import Sorting
from mailgate.desk.tickets import Tickets


class Desk(Tickets, Sorting, Held, Senders, Queues):
    """All acts of people on tickets, held mail, senders and the queues."""
