"""What a run of characters without space can show: one bit each, so that signs add up with ``|``.

Each step of the reading tells by which words and which runs (a function ``…_signs`` in its
module) a text bears its signs, and looks at a text only if they are there. A sign may be there without cause, which
costs time; where there is cause it must be there.
"""

UNUSUAL = 1 << 0
"""Characters, HTML or a lengthened word that `normalise` may change."""
QUOTED = 1 << 1
"""A word or a line's beginning of quoted mail, headers and disclaimers."""
CLOSING = 1 << 2
"""A word of what closes a mail: «groet», «mvg»."""
FURNITURE = QUOTED | CLOSING
"""What a mail carries besides the message."""
WEB = 1 << 3
"""Part of a web or mail address."""
DIGIT = 1 << 4
"""A digit."""
CAPITAL = 1 << 5
"""A capital that may begin a name."""
TITLE = 1 << 6
"""«mevrouw», «dhr.»: what comes before a name."""
CUE = 1 << 7
"""«naam», «heet», «groetjes»: what may introduce a name."""
HINT = 1 << 8
"""«ben», «gebeld»: what may introduce a name with a capital."""
KNOWN = 1 << 9
"""A name that is known in any spelling, or the placeholder of one."""
NAMES = CAPITAL | TITLE | CUE | KNOWN | WEB
"""Anything by which there may be a name."""
DUTCH = 1 << 10
"""A word that Dutch alone has."""
FOREIGN = 1 << 11
"""A word of another language that Dutch has not."""
