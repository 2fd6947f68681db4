"""From the words of the configuration to the settings of lists of recipients and of their sources. Pure."""

from __future__ import annotations

from pathlib import Path

from shieldrelay.config.domain import Domain
from shieldrelay.config.schema import Configuration
from shieldrelay.config.sources import SourceKind as DeclaredKind
from shieldrelay.importer.settings import (
    CsvSettings,
    Form,
    HttpsSettings,
    LdapSettings,
    Limits,
    Preset,
    SourceSettings,
)
from shieldrelay.recipients.settings import Guards, ListKind, ListSettings

_KINDS = {DeclaredKind.ANY: ListKind.ANY, DeclaredKind.FILE: ListKind.FILE, DeclaredKind.PUSH: ListKind.PUSH}


def list_settings(configuration: Configuration, domain: Domain) -> ListSettings:
    """Give the settings of one domain's list."""
    lists, kind = configuration.recipients, domain.recipients.kind
    observe = _own(domain.observe_first, lists.observe_first if kind.is_remote else 0.0)
    return ListSettings(
        domain=domain.domain,
        kind=_KINDS.get(kind, ListKind.FETCHED),
        aliases=domain.aliases,
        location=domain.recipients.location or "",
        case_sensitive=domain.case_sensitive,
        postmaster=domain.list_postmaster,
        separator=domain.sub_addressing,
        former_file=domain.former_recipients,
        traps_file=domain.traps,
        guards=Guards(
            lose_share=_own(domain.shrink_guard, lists.shrink_guard),
            lose_least=lists.shrink_least,
            faults_most=lists.faults,
            faults_share=lists.fault_share,
            entries_most=lists.imports.entries,
            patterns_most=lists.patterns,
        ),
        keep=lists.keep,
        observe_first=observe,
        stale_after=_own(domain.stale_after, lists.stale_after),
        old_after=_own(domain.old_after, lists.old_after),
        enforce_old=lists.enforce_old,
    )


def source(configuration: Configuration, domain: Domain) -> SourceSettings:
    """Give the source of a list that is fetched."""
    imports = configuration.recipients.imports
    limits = Limits(
        octets=imports.octets,
        entries=imports.entries,
        total_seconds=imports.timeout,
        idle_seconds=imports.idle_timeout,
        faults=configuration.recipients.faults,
        fault_share=configuration.recipients.fault_share,
        memory_octets=imports.memory,
    )
    return SourceSettings.parse(
        str(domain.recipients), csv=_csv(domain), ldap=_ldap(domain), https=_https(domain), limits=limits
    )


def every(configuration: Configuration, domain: Domain) -> float:
    """Give the seconds between two imports of a domain's list."""
    return _own(domain.refresh, configuration.recipients.refresh)


def state_directory(configuration: Configuration) -> Path:
    """Give where lists, bans and history are kept."""
    return Path(configuration.node.state)


def _csv(domain: Domain) -> CsvSettings | None:
    declared = domain.csv
    if declared is None:
        return None
    return CsvSettings(
        column=declared.column,
        flag_column=declared.flag_column,
        delimiter=declared.delimiter,
        header=declared.header,
    )


def _ldap(domain: Domain) -> LdapSettings | None:
    declared = domain.ldap
    if declared is None:
        return None
    return LdapSettings(
        base=declared.base or "",
        filter=declared.filter,
        attributes=declared.attributes,
        preset=Preset(declared.preset.value),
        bind_dn=declared.bind_dn or "",
        password_file=declared.password_file,
        start_tls=declared.start_tls,
        ca=declared.ca,
        verify=declared.verify,
        without_tls=declared.without_tls,
        page_size=declared.page_size,
    )


def _https(domain: Domain) -> HttpsSettings | None:
    declared = domain.https
    if declared is None:
        return None
    return HttpsSettings(
        form=Form(declared.form.value),
        user=declared.user,
        password_file=declared.password_file,
        token_file=declared.token_file,
        ca=declared.ca,
    )


def _own(of_domain: float | None, of_node: float) -> float:
    return of_node if of_domain is None else of_domain
