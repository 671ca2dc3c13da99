"""What the operator may set about Microsoft SNDS."""

from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, model_validator

from core.address import IpNetwork
from core.duration import Duration
from core.settings import Settings

LEGACY_URL = "https://sendersupport.olc.protection.outlook.com/snds"
REST_URL = "https://substrate.office.com/ip-domain-management-snds/api/report"
SIGN_IN_URL = "https://login.microsoftonline.com/consumers/oauth2/v2.0"
PORTAL_CLIENT = "a53a6cc1-a1cd-46f7-a4aa-281cdabec33c"
_WEB = r"^https?://[^\s?#]+$"


class FetchMode(StrEnum):
    """The three ways in that SNDS has had (reference: signals.md 1.0)."""

    KEY = "key"
    LINK = "link"
    OAUTH = "oauth"


class SndsOAuth(Settings):
    """Where one signs in at Microsoft (OAuth 2.0 with PKCE), and the REST interface of 2026 behind it."""

    report_url: str = Field(
        default=REST_URL, pattern=_WEB,
        description="Where data and status/ip are found; not published by Microsoft, seen in public clients.",
    )  # fmt: skip
    authorize_url: str = Field(
        default=f"{SIGN_IN_URL}/authorize", pattern=_WEB,
        description="Where a person signs in: Microsoft's address for personal accounts.",
    )  # fmt: skip
    token_url: str = Field(
        default=f"{SIGN_IN_URL}/token", pattern=_WEB,
        description="Where tokens are issued: Microsoft's address for personal accounts.",
    )  # fmt: skip
    client_id: str = Field(
        default=PORTAL_CLIENT, pattern=r"^[A-Za-z0-9-]{1,80}$",
        description="The SNDS portal's public client; not published by Microsoft, seen in public clients.",
    )  # fmt: skip
    scope: str = Field(
        default="{client-id}/.default offline_access openid profile",
        description="What is asked for; {client-id} stands for the client; not published by Microsoft.",
    )

    @property
    def full_scope(self) -> str:
        return self.scope.replace("{client-id}", self.client_id)


class SndsAccount(Settings):
    """One account at Microsoft's SNDS; give one of key, key-file, data-link and sign-in-file."""

    name: str = Field(default="main", pattern=r"^[A-Za-z0-9._-]{1,40}$", description="What you call it.")
    key: SecretStr | None = Field(
        default=None,
        description="The automated data access key. Microsoft's own hosts stopped taking it in June 2026.",
    )
    key_file: Path | None = Field(default=None, description="A file that holds the key instead.")
    base_url: str = Field(
        default=LEGACY_URL, pattern=_WEB, description="Where data.aspx and ipStatus.aspx are found."
    )
    data_link: SecretStr | None = Field(
        default=None, description="A whole automated-access link to the data, pasted from the portal."
    )
    status_link: SecretStr | None = Field(default=None, description="The same for the IP status.")
    links_issued: date | None = Field(
        default=None,
        description="The day the links were made; they stop working 30 days later, and you are told before.",
    )
    sign_in_file: Path | None = Field(
        default=None,
        description="Where `tidegate snds login` keeps the account's sign-in (mode 0600), renewed there.",
    )
    attested: date | None = Field(
        default=None,
        description="The day you last confirmed at the portal that the IPs are yours; it is asked for anew "
        "about every ten months (reported by users, not published by Microsoft).",
    )
    networks: list[IpNetwork] = Field(
        default=[], description="The networks the account covers; empty means every configured IP."
    )

    @property
    def mode(self) -> FetchMode:
        if self.sign_in_file is not None:
            return FetchMode.OAUTH
        return FetchMode.LINK if self.data_link is not None else FetchMode.KEY

    @property
    def has_status(self) -> bool:
        """Whether this account can be asked for the IP status at all."""
        return self.mode is not FetchMode.LINK or self.status_link is not None

    @model_validator(mode="after")
    def _has_a_way_in(self) -> Self:
        ways = (self.key, self.key_file, self.data_link, self.sign_in_file)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("give exactly one of key, key-file, data-link and sign-in-file")
        return self


class SndsSettings(Settings):
    """Microsoft SNDS, which speaks about consumer Outlook only."""

    enabled: bool = Field(default=False, description="Whether SNDS is asked at all.")
    interval: Duration = Field(default=timedelta(hours=6), description="How often SNDS is asked.")
    accounts: list[SndsAccount] = Field(default=[], description="The accounts to ask.")
    lookback_days: int = Field(
        default=3,
        ge=1,
        le=30,
        description="How many past days are asked for again: rows arrive one or two days late.",
    )
    backfill_days: int = Field(
        default=30,
        ge=1,
        le=90,
        description="How far back days that could not be read are asked for later (SNDS keeps 90).",
    )
    expiry_warning: Duration = Field(
        default=timedelta(days=7),
        description="How long before pasted links stop working you are told; an attestation: 30 days before.",
    )
    time_zone: ZoneInfo = Field(
        default=ZoneInfo("UTC"), description="The zone of SNDS' times, which carry none themselves."
    )
    complaint_warn: float = Field(
        default=0.003, gt=0, lt=1, description="Complaint rate that warns, as a share."
    )
    complaint_bad: float = Field(
        default=0.01, gt=0, lt=1, description="Complaint rate that is bad, as a share."
    )
    trap_warn: int = Field(default=1, ge=1, description="Spam-trap hits in a day that warn.")
    trap_bad: int = Field(default=5, ge=1, description="Spam-trap hits in a day that are bad.")
    oauth: SndsOAuth = Field(
        default=SndsOAuth(), description="Microsoft's addresses for accounts that have a sign-in-file."
    )
    timeout: Duration = Field(default=timedelta(seconds=30), description="How long one download may take.")
    max_body: int = Field(
        default=16_777_216, ge=1_024, description="The largest answer accepted, in bytes once unpacked."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [account.name for account in self.accounts]
        if len(set(names)) != len(names):
            raise ValueError("two SNDS accounts have the same name")
        files = [account.sign_in_file for account in self.accounts if account.sign_in_file]
        if len(set(files)) != len(files):
            raise ValueError("two SNDS accounts have the same sign-in-file")
        return self
