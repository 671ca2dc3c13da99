"""What only shows when the parts of the settings are put together."""

from core.errors import OperatorError
from engine.settings import EngineSettings
from engine.signing import load_keys
from engine.tls import verifying_context


def check(settings: EngineSettings) -> None:
    """What only shows when parts are put together. Raises OperatorError."""
    if settings.default_virtual_mta not in {*settings.virtual_mtas, *settings.virtual_mta_pools}:
        known = ", ".join(settings.virtual_mtas) or "none"
        raise OperatorError(
            f"engine.default-virtual-mta: there is no VirtualMTA {settings.default_virtual_mta!r};"
            f" there is {known}"
        )
    if (settings.tls.certificate is None) != (settings.tls.key is None):
        raise OperatorError("engine.tls: a certificate needs its key, and a key its certificate; write both")
    if settings.submitters and not settings.tls.certificate and not settings.clear_login_on_loopback:
        raise OperatorError(
            "engine.submitters: nobody could log in, as AUTH is offered inside TLS alone;"
            " set engine.tls, or clear-login-on-loopback for clients on this machine"
        )
    vmta = settings.dsn.virtual_mta
    if vmta is not None and vmta not in {*settings.virtual_mtas, *settings.virtual_mta_pools}:
        known = ", ".join(settings.virtual_mtas) or "none"
        raise OperatorError(f"engine.dsn.virtual-mta: there is no VirtualMTA {vmta!r}; there is {known}")
    load_keys(settings.dkim_keys)
    if settings.tls_trust:
        verifying_context(settings.tls_trust)
    api = settings.control_api
    if not api.listen.startswith("unix:") and not any(token.token for token in api.tokens):
        raise OperatorError(
            f"engine.control-api: it listens on {api.listen} but has no tokens;"
            " add one, or listen on unix:PATH"
        )
