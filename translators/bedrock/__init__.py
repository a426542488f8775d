"""Amazon Bedrock's Converse protocol, as a backend speaks it. Facts: `reference/providers/apikey_backends.md` §6 and
botocore's model of `bedrock-runtime`; importing the package registers it."""

from translators import registry
from translators.bedrock.protocol import BedrockProtocol

PROTOCOL = BedrockProtocol()
registry.register(PROTOCOL)
