"""What the owner of the data agrees to before anything of it is used.

The terms say who sets the problem, what will run, what will leave, where to and for how many
rounds, and who can see a single update. They are shown whole, and asked for again whenever what
they rest on has changed.
"""

from fedota_client.consent.asking import ask
from fedota_client.consent.basis import Basis, problem_basis
from fedota_client.consent.terms import Choices, Terms, app_terms, keras_terms

__all__ = ["Basis", "Choices", "Terms", "app_terms", "ask", "keras_terms", "problem_basis"]
