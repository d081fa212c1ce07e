{% set hop = "unix:" ~ site.hop.path if site.hop.path else ("inet:" if site.hop.lmtp else "") ~ site.hop.bracketed %}
#!/bin/sh
# Postfix before mailgate, for {{ site.addresses | join(", ") }}.
#
# Read it, then run it as root on the machine of Postfix:   mailgate setup postfix{{ shared_options }} | sudo sh
# It writes three files mailgate-* beside main.cf, adds the service `mailgate` to master.cf, and puts an entry at the
# head of some lists in main.cf; what stands there stays. Done twice, it changes nothing more.
#
{% include "head.txt" %}
set -eu
cd "$(postconf -h config_directory)"

# ── Before anything is changed ────────────────────────────────────────────────────────────────────────────────────────
is_in() { # DOMAIN PARAMETER: does the list name it, by itself or by a table?
    for entry in $(postconf -hx "$2" | tr , ' '); do
        case $entry in
        "$1") return 0 ;;
        *:*) ! postmap -q "$1" "$entry" >/dev/null 2>&1 || return 0 ;;
        esac
    done
    return 1
}
stop() {
    echo "$1" >&2
    exit 1
}
{% for domain in site.whole %}
# {{ domain.name }} is taken to be ours alone: all addresses in it that are not ours will be refused.
for class in mydestination virtual_mailbox_domains virtual_alias_domains; do
    ! is_in {{ domain.name }} $class ||
        stop '{{ domain.name }} has mailboxes in Postfix: run "mailgate setup postfix --shared {{ domain.name }}".'
done
{% endfor %}
{% for domain in site.shared %}
# Mail to a domain that is made of aliases alone is never handed on, wherever transport_maps points.
! is_in {{ domain.name }} virtual_alias_domains ||
    stop 'Move {{ domain.name }} from virtual_alias_domains to relay_domains (its aliases go on working), and set
relay_recipient_maps = $virtual_alias_maps where it is empty; then run this again.'
{% endfor %}

# ── Where our mail goes ───────────────────────────────────────────────────────────────────────────────────────────────
# Answers come back to signed addresses such as support+r1...@example.com: what follows a + belongs to the same mailbox,
# whatever recipient_delimiter says.
cat >mailgate-transport <<'END'
{% for domain in site.domains %}
{% if domain.whole %}
/@{{ domain.name | ere }}$/  mailgate:{{ hop }}
{% else %}
{% for local in domain.locals %}
/^{{ local | ere }}(\+[^@]*)?@{{ domain.name | ere }}$/  mailgate:{{ hop }}
{% endfor %}
{% if domain.short %}
/^r\+{{ signed }}@{{ domain.name | ere }}$/  mailgate:{{ hop }}
{% endif %}
{% endif %}
{% endfor %}
END

# Each address stands for itself: that makes it a known one, whichever of Postfix's classes its domain is in.
cat >mailgate-known <<'END'
{% for domain in site.domains %}
{% if domain.whole %}
/^([^@]+@{{ domain.name | ere }})$/  $1
{% else %}
{% for local in domain.locals %}
/^({{ local | ere }}(\+[^@]*)?@{{ domain.name | ere }})$/  $1
{% endfor %}
{% if domain.short %}
/^(r\+{{ signed }}@{{ domain.name | ere }})$/  $1
{% endif %}
{% endif %}
{% endfor %}
END

# ── What is refused while its sender is still there ───────────────────────────────────────────────────────────────────
# What Postfix takes and mailgate then refuses, Postfix has to bounce, mostly to somebody who never sent it. So a signed
# address is asked for: mailgate alone knows whether it is real. A mailbox is not: its mail waits here while mailgate is
# down.
cat >mailgate-access <<'END'
{% for domain in site.domains %}
{% if domain.bases %}
/^({{ domain.bases | map("ere") | join("|") }})\+{{ signed }}@{{ domain.name | ere }}$/  reject_unverified_recipient
{% elif domain.whole %}
/^{{ bounce }}@{{ domain.name | ere }}$/  reject_unverified_recipient
{% endif %}
{% if domain.whole %}
{% if domain.locals %}
/^({{ domain.locals | map("ere") | join("|") }})(\+[^@]*)?@{{ domain.name | ere }}$/  DUNNO
{% endif %}
/^(postmaster|abuse)@{{ domain.name | ere }}$/  DUNNO
/@{{ domain.name | ere }}$/  550 5.1.1 No such mailbox here
{% endif %}
{% endfor %}
END

# ── How Postfix hands it over ─────────────────────────────────────────────────────────────────────────────────────────
{% if site.hop.path %}
# Not in a chroot, from where the socket could not be seen. Postfix must be allowed to open it, as a member of the group
# that owns it:   usermod --append --groups mailgate postfix
{% endif %}
# XFORWARD tells us the client that Postfix took the mail from: without it SPF would judge Postfix itself.
{% if site.hop.lmtp %}
postconf -M 'mailgate/unix=mailgate unix - - n - - lmtp'
postconf -P 'mailgate/unix/lmtp_send_xforward_command=yes'
{% else %}
# What main.cf may say of other hosts must not hold for this one: another way out, TLS, rewriting.
postconf -M 'mailgate/unix=mailgate unix - - n - - smtp'
postconf -P 'mailgate/unix/smtp_send_xforward_command=yes' \
    'mailgate/unix/smtp_fallback_relay=' 'mailgate/unix/smtp_generic_maps=' \
    'mailgate/unix/smtp_tls_security_level={{ "none" if site.hop.local else "may" }}'
{% endif %}

# ── In main.cf ────────────────────────────────────────────────────────────────────────────────────────────────────────
head_of() { # LIST ENTRY
    case " $(postconf -h "$1") " in *" $2 "*) return ;; esac
    postconf -e "$1 = $2 $(postconf -h "$1")"
}
{% for domain in site.whole %}
head_of relay_domains {{ domain.name }}
{% endfor %}
head_of transport_maps 'regexp:${config_directory}/mailgate-transport'
head_of virtual_alias_maps 'regexp:${config_directory}/mailgate-known'
head_of smtpd_recipient_restrictions 'check_recipient_access regexp:${config_directory}/mailgate-access'
# An address that mailgate refused is refused for good; Postfix's default of 450 would have it tried for days.
postconf -e unverified_recipient_reject_code=550

# One limit for both, again so that nothing has to be bounced. Where yours was larger on purpose, raise
# size_bytes in [wire] of config.toml and run this again.
postconf -e message_size_limit={{ site.size_bytes }}
# Postfix stops delivering to mailboxes whose limit is below that of a message; 0 is no limit.
for limit in mailbox_size_limit virtual_mailbox_limit; do
    case $(postconf -h $limit) in
    0) ;;
    *) [ "$(postconf -h $limit)" -ge {{ site.size_bytes }} ] || postconf -e $limit={{ site.size_bytes }} ;;
    esac
done

# ── The way out ───────────────────────────────────────────────────────────────────────────────────────────────────────
{% include "way_out.txt" %}

postfix reload
