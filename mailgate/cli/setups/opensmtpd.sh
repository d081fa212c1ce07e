#!/bin/sh
# OpenSMTPD before mailgate, for {{ site.addresses | join(", ") }}.
#
# Read it, then run it as root on the machine of OpenSMTPD:   mailgate setup opensmtpd{{ shared_options }} | sudo sh
# It writes smtpd-mailgate.conf beside smtpd.conf, and includes it there before the first `match`. Done twice, it
# changes nothing more.
#
# OpenSMTPD tells nobody whom it took a mail from: SPF proves no sender here, DKIM alone does. Nor can it ask us
# whether a signed address is real: it takes mail to a forged one and has to bounce it. Where that matters, use another
# server.
#
{% include "head.txt" %}
set -eu
conf=/etc/smtpd.conf
[ -e $conf ] || conf=/etc/mail/smtpd.conf
ours=${conf%/*}/smtpd-mailgate.conf

# Answers come back to signed addresses such as support+r1...@example.com: what follows a + belongs to the same mailbox.
# The first match decides, so ours stand before yours.
cat >$ours <<'END'
action "mailgate" relay host {{ "lmtp" if site.hop.lmtp else "smtp+notls" if site.hop.local else "smtp" }}://{{ site.hop.host }}:{{ site.hop.port }}
{% for domain in site.domains %}
{% if domain.bases %}
match from any for rcpt-to regex "^({{ domain.locals | map("ere") | join("|") }})(\+.*)?@{{ domain.name | ere }}$" action "mailgate"
{% if domain.short %}
match from any for rcpt-to regex "^r\+{{ signed }}@{{ domain.name | ere }}$" action "mailgate"
{% endif %}
{% else %}
match from any for rcpt-to regex "^{{ bounce }}@{{ domain.name | ere }}$" action "mailgate"
{% endif %}
{% if domain.whole %}
match from any for rcpt-to regex "^(postmaster|abuse)@{{ domain.name | ere }}$" action "mailgate"
match from any for domain "{{ domain.name }}" reject
{% endif %}
{% endfor %}
{% if site.size_bytes < 35 * 1024 * 1024 %}

# Its own limit is larger than ours, and what it takes and we refuse it would have to bounce.
smtp max-message-size {{ site.size_bytes }}
{% endif %}
END

grep -qF "$ours" $conf || {
    awk -v ours="include \"$ours\"" '/^[ \t]*match/ && !done { print ours; done = 1 } { print }' $conf >$conf.new
    cat $conf.new >$conf
    rm $conf.new
}

{% include "way_out.txt" %}

smtpd -n
echo 'Now: systemctl restart opensmtpd'
