"""What the stand-in engine says, so that whoever reads an answer can tell whether it is whole and the right one."""

# Both say the same. Of the first, all streams get their tokens in shared steps; of the second, each at a time of its own.
MODEL = "stand-in"
SCATTERED_MODEL = "stand-in-scattered"
CONTEXT_TOKENS = 8192
# Takes its share of parsing, storing and counting, as a user's question does.
_REST_OF_QUESTION = "Explain how a message finds its way through a busy network, step by step, and keep it short."


def question(nonce: str, tokens: int) -> str:
    """A question whose answer has that many tokens. `nonce` is one word; the answer begins with it."""
    return f"{nonce}/{tokens} {_REST_OF_QUESTION}"


def answer(asked: str) -> str:
    """The whole answer to a `question`."""
    nonce, _, tokens = asked.partition(" ")[0].partition("/")
    return "".join([first_token(nonce), *map(later_token, range(1, int(tokens)))])


def first_token(nonce: str) -> str:
    return f" {nonce}"


def later_token(index: int) -> str:
    return f" word{index}"


def count_tokens(text: str) -> int:
    """Of an answer or a piece of one: each token starts with its only space."""
    return text.count(" ")
