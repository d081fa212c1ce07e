"""Evil peers for the laboratory: machines that would loop with us, forge our writers, or fill our desk.

    async with Lab(overrides=DESK) as lab:
        account = await play(lab, Autoresponder("joe@r.test"), days=1, most_mails=1000)
        account.automatic, account.stopped, account.ledger

`mailgate lab` shows them, and the tests of mailgate count them. A face: it stands in front of `mailgate.testing`.
"""
