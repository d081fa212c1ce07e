"""People: what a person of ours may do.

Each act is one function, one transaction, and one line in the history with its actor. Faces change the store only
through here.
"""

from mailgate.desk.agents import Agents
from mailgate.desk.answers import Answers
from mailgate.desk.customers import Customers
from mailgate.desk.forgetting import Forgetting
from mailgate.desk.held import Held
from mailgate.desk.merging import Merging
from mailgate.desk.queues import Queues
from mailgate.desk.senders import Senders
from mailgate.desk.sorting import Sorting
from mailgate.desk.tickets import Tickets


class Desk(Answers, Tickets, Merging, Sorting, Held, Senders, Customers, Forgetting, Agents, Queues):
    """All acts of people on tickets, held mail, senders, customers, our own people and the queues."""
