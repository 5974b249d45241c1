"""The public names, for type checkers and for the lazy loader: the only list of them."""

from .account import AGENTS as AGENTS
from .account import CAMPAIGN as CAMPAIGN
from .account import CHANNELS as CHANNELS
from .account import KEY as KEY
from .account import METADATA as METADATA
from .account import TENANTS as TENANTS
from .account import TODAY as TODAY
from .account import VOICES as VOICES
from .account import ZONE as ZONE
from .endpoint import sample_client as sample_client
