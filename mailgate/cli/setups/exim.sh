#!/bin/sh
# Exim, as Debian configures it, before mailgate, for {{ site.addresses | join(", ") }}.
#
# Read it, then run it as root on the machine of Exim:   mailgate setup exim{{ shared_options }} | sudo sh
# It writes three files of its own below /etc/exim4/conf.d, adds lines to local_rcpt_callout, and adds the domains that
# are ours alone to the relayed ones in update-exim4.conf.conf. Done twice, it changes nothing more.
#
# Exim tells nobody whom it took a mail from: SPF proves no sender here, DKIM alone does.
#
{% include "head.txt" %}
set -eu
cd /etc/exim4

# ── Before anything is changed ────────────────────────────────────────────────────────────────────────────────────────
stop() {
    echo "$1" >&2
    exit 1
}
. ./update-exim4.conf.conf
[ "$dc_use_split_config" = true ] ||
    stop "Exim does not read conf.d: carry over what you changed in exim4.conf.template, set dc_use_split_config='true'
in /etc/exim4/update-exim4.conf.conf, then run this again."
{% for domain in site.whole %}
# {{ domain.name }} is taken to be ours alone: all addresses in it that are not ours will be refused.
case ";$dc_other_hostnames;" in
*[\;:\ ]{{ domain.name }}[\;:\ ]*)
    stop 'Exim has mailboxes in {{ domain.name }}: run "mailgate setup exim --shared {{ domain.name }}".'
    ;;
esac
{% endfor %}

# ── Where our mail goes ───────────────────────────────────────────────────────────────────────────────────────────────
# Answers come back to signed addresses such as support+r1...@example.com: what follows a + belongs to the same mailbox.
# Routers are asked in the order of their files' names, so these come before those of mailboxes and of MX records.
cat >conf.d/router/110_mailgate <<'END'
{% for domain in site.domains %}
mailgate_{{ loop.index }}:
  driver = manualroute
  domains = {{ domain.name }}
{% if domain.bases %}
  local_parts = \N^(?i)(({{ domain.locals | map("ere") | join("|") }})(\+.*)?{{ "|r\\+" ~ signed if domain.short }}{{ "|postmaster|abuse" if domain.whole }})$\N
{% else %}
  local_parts = \N^(?i)({{ bounce }}|postmaster|abuse)$\N
{% endif %}
  route_list = * {{ site.hop.host }}
  self = send
  transport = mailgate
{% if domain.whole %}

mailgate_{{ loop.index }}_unknown:
  driver = redirect
  domains = {{ domain.name }}
  allow_fail
  data = :fail: No such mailbox here
{% endif %}

{% endfor %}
END

# ── How Exim hands it over ────────────────────────────────────────────────────────────────────────────────────────────
# A long line is no reason to bounce a mail that was taken; ours may be as long as they like.
cat >conf.d/transport/30_mailgate <<'END'
mailgate:
  driver = smtp
{% if site.hop.lmtp %}
  protocol = lmtp
{% endif %}
  port = {{ site.hop.port }}
  allow_localhost
{% if site.hop.local %}
  hosts_avoid_tls = *
{% endif %}
  max_rcpt = 50
  message_linelength_limit = 1G
END

# ── What is refused while its sender is still there ───────────────────────────────────────────────────────────────────
# What Exim takes and mailgate then refuses, Exim has to bounce, mostly to somebody who never sent it. So a signed
# address is asked for: mailgate alone knows whether it is real. A mailbox is not: its mail waits here while mailgate is
# down.
touch local_rcpt_callout
while read -r line; do
    grep -qxF "$line" local_rcpt_callout || echo "$line" >>local_rcpt_callout
done <<'END'
{% for domain in site.domains %}
{% if domain.bases %}
^(?i)({{ domain.bases | map("ere") | join("|") }})\+{{ signed }}@{{ domain.name | ere }}$
{% else %}
^(?i){{ bounce }}@{{ domain.name | ere }}$
{% endif %}
{% endfor %}
END

# Exim counts a line end as one octet where the wire has two, so its limit is the smaller one. Set yours in
# 000_localmacros if it has to be smaller still.
cat >conf.d/main/01_mailgate <<'END'
.ifndef MESSAGE_SIZE_LIMIT
MESSAGE_SIZE_LIMIT = {{ site.size_bytes * 9 // 10 }}
.endif
END
{% if site.whole %}

# ── Domains of ours ───────────────────────────────────────────────────────────────────────────────────────────────────
relayed() { # DOMAIN
    . ./update-exim4.conf.conf
    case ";$dc_relay_domains;" in *[\;:\ ]"$1"[\;:\ ]*) return ;; esac
    sed -i "s/^dc_relay_domains=.*/dc_relay_domains='$1${dc_relay_domains:+;$dc_relay_domains}'/" update-exim4.conf.conf
}
{% for domain in site.whole %}
relayed {{ domain.name }}
{% endfor %}
{% endif %}

# ── The way out ───────────────────────────────────────────────────────────────────────────────────────────────────────
{% include "way_out.txt" %}

update-exim4.conf
echo 'Now: systemctl reload exim4'
