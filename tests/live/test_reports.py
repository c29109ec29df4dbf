"""Retries and reports: the ladder of waits with its notices and its random
part, the end of a message's time, and what RET, ENVID, ORCPT and NOTIFY ask
for, parsed back with Python's email."""
import datetime
import email
import re
import unittest

from fake_mta import FakeMta
from harness import LiveTest

HOUR = 3600
# Seconds, and whether the sender is told (the defaults are those of 2013).
LADDER = [(900, False), (900, False), (1800, False), (2 * HOUR, True),
          (9 * HOUR, False), (12 * HOUR, False), (24 * HOUR, True),
          (48 * HOUR, False), (72 * HOUR, False)]
SPREAD = 120
SLACK = 90  # of a machine that is busy


class Reports(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.set('remote.timeout', {'reply': '60s', 'connect': '10s'})
        s.write_config()
        s.add_domain()
        for who in ('ann', 'bob', 'eve', 'postmaster'):
            s.add_mailbox(f'{who}@example.org')
        s.m3mta('domain', 'add', 'far.example', '--delivery=relay',
                '--route=127.0.0.1:1')
        s.m3mta('alias', 'add', 'both@example.org', 'bob@example.org',
                'eve@example.org')
        s.m3mta('list', 'add', 'news@example.org', 'bob@example.org',
                '--owner=eve@example.org')

    def setUp(self):
        self.system.db.queue.delete_many({})
        self.fresh()

    def fresh(self):
        self.system.db.limits.delete_many({})

    def post(self, recipient, mail='', rcpt='', sender='ann@example.org',
             login=False):
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO me.example',
                     'AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=',
                     f'MAIL FROM:<{sender}>{mail}',
                     f'RCPT TO:<{recipient}>{rcpt}', 'DATA'):
            if line.startswith('AUTH') and not login:
                continue
            self.assertIn(d.smtp(line)[:1], '23', line)
        answer = d.smtp('Subject: a subject\r\n\r\nthe text\r\n.')
        self.assertEqual(answer[:3], '250')
        d.close()

    def inbox(self, who='ann'):
        owner = self.system.db.mailboxes.find_one(
            {'_id': f'{who}@example.org'})['owner']
        return self.system.db.folders.find_one(
            {'owner': owner, 'name': 'INBOX'})['exists']

    def last(self, who='ann'):
        d = self.dialog('m3mta-imap', '--preauth', f'{who}@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY[]')
        return email.message_from_bytes(
            text[text.index(b'}\r\n') + 3:text.rindex(b')\r\nb OK')])

    def report(self, before, who='ann'):
        """The one that came since: its fields of the message and of the
        recipient, and its third part."""
        self.system.mda()
        self.assertEqual(self.inbox(who), before + 1)
        message = self.last(who)
        self.assertEqual(message.get_content_type(), 'multipart/report')
        self.assertEqual(message['Return-Path'], '<>')
        self.assertEqual(message['Auto-Submitted'], 'auto-replied')
        self.assertEqual(message.defects, [])
        text, status, original = message.get_payload()
        self.assertEqual(text.get_content_type(), 'text/plain')
        self.assertEqual(status.get_content_type(),
                         'message/delivery-status')
        return (*status.get_payload(), original)

    def fails(self, recipient='gone@example.org', **how):
        """A recipient that is there at RCPT and gone at the delivery."""
        self.system.add_mailbox('gone@example.org')
        self.post(recipient, **how)
        self.system.m3mta('mailbox', 'remove', 'gone@example.org', '--yes')
        self.system.mda()

    # --- the ladder -----------------------------------------------------------

    def test_ladder(self):
        self.post('bob@far.example')
        before = self.inbox()
        item = self.system.db.queue.find_one()
        self.assertEqual(item['attempts'], 0)
        for attempt, (wait, tells) in enumerate(LADDER, 1):
            with self.subTest(attempt=attempt):
                self.fresh()
                self.system.m3mta('queue', 'retry', '--to=bob@far.example')
                start = datetime.datetime.utcnow()
                self.system.mda()
                item = self.system.db.queue.find_one(
                    {'sender': 'ann@example.org'})
                self.assertEqual(item['attempts'], attempt)
                waits = (item['next_at'] - start).total_seconds()
                self.assertTrue(wait <= waits <= wait + SPREAD + SLACK,
                                waits)
                self.assertEqual(self.inbox() - before, int(tells))
                before += int(tells)
        notice = self.last()
        self.assertEqual(notice['Subject'],
                         'Delayed mail: still being tried')
        _, fields = notice.get_payload()[1].get_payload()
        self.assertEqual(fields['Action'], 'delayed')
        self.assertEqual(fields['Status'][0], '4')
        self.assertIn('Will-Retry-Until', fields)
        self.assertEqual(notice.get_payload()[2].get_content_type(),
                         'text/rfc822-headers')
        # Its time is over: what was temporary is a failure.
        self.system.db.queue.update_one(
            {'sender': 'ann@example.org'},
            {'$set': {'expires_at': datetime.datetime.utcnow()}})
        self.system.m3mta('queue', 'retry', '--to=bob@far.example')
        self.system.mda()
        _, fields, _ = self.report(before)
        self.assertEqual((fields['Action'], fields['Status']),
                         ('failed', '4.4.7'))
        self.assertEqual(self.system.db.queue.count_documents({}), 0)

    def test_spread(self):
        for _ in range(20):
            self.post('bob@far.example')
        start = datetime.datetime.utcnow()
        self.system.mda()
        waits = [(i['next_at'] - start).total_seconds()
                 for i in self.system.db.queue.find()]
        self.assertEqual(len(waits), 20)
        self.assertGreater(max(waits) - min(waits), 10)
        self.assertTrue(min(waits) >= 900 and
                        max(waits) <= 900 + SPREAD + SLACK, waits)

    def test_configured_ladder(self):
        s = self.system
        s.set('retry', {'durations': [{'after': '1h', 'notify': True},
                                      {'after': '2h'}], 'spread': '0'})
        s.write_config()
        self.addCleanup(s.write_config)
        self.addCleanup(s.settings.pop, 'retry')
        self.post('bob@far.example')
        before = self.inbox()
        for wait, told in ((HOUR, 1), (2 * HOUR, 1), (2 * HOUR, 1)):
            self.fresh()
            s.m3mta('queue', 'retry', '--to=bob@far.example')
            start = datetime.datetime.utcnow()
            s.mda()
            waits = (s.db.queue.find_one({'sender': 'ann@example.org'})[
                'next_at'] - start).total_seconds()
            self.assertTrue(wait <= waits <= wait + SLACK, waits)
            self.assertEqual(self.inbox() - before, told)

    def test_last_transcript_is_kept(self):
        fake = FakeMta({'RCPT': '450 4.2.0 come\tback'}, ('PIPELINING',))
        self.addCleanup(fake.close)
        self.system.m3mta('domain', 'set', 'far.example',
                          f'--route=127.0.0.1:{fake.port}')
        self.addCleanup(self.system.m3mta, 'domain', 'set', 'far.example',
                        '--route=127.0.0.1:1')
        self.post('bob@far.example')
        self.system.mda()
        r = self.system.db.queue.find_one()['recipients'][0]
        self.assertEqual((r['code'], r['status'], r['text']),
                         (450, '4.2.0', 'come?back'))
        for line in ('C: EHLO mx.example.org', 'S: 250-PIPELINING',
                     'C: RCPT TO:<bob@far.example>',
                     'S: 450 4.2.0 come?back'):
            self.assertIn(line + '\n', r['transcript'])
        item = self.system.m3mta_json('queue', 'list')[0]['id']
        self.assertIn('S: 450 4.2.0 come?back',
                      self.system.m3mta('queue', 'show', item))
        shown = self.system.m3mta_json('queue', 'show', item)
        self.assertEqual(shown['recipients'][0]['transcript'],
                         r['transcript'])

    # --- what the sender asked for ------------------------------------------------

    def test_failure(self):
        before = self.inbox()
        self.fails(mail=' RET=HDRS ENVID=an+2Bid',
                   rcpt=' ORCPT=rfc822;first+2Bname@x.example')
        message, fields, original = self.report(before)
        self.assertEqual(message['Original-Envelope-Id'], 'an+id')
        self.assertEqual(message['Reporting-MTA'], 'dns; mx.example.org')
        self.assertEqual(fields['Original-Recipient'],
                         'rfc822; first+name@x.example')
        self.assertEqual(fields['Final-Recipient'],
                         'rfc822; gone@example.org')
        self.assertEqual((fields['Action'], fields['Status']),
                         ('failed', '5.1.1'))
        self.assertEqual(original.get_content_type(),
                         'text/rfc822-headers')
        self.assertIn('Subject: a subject', original.get_payload())
        self.assertNotIn('the text', original.get_payload())

    def test_return_all(self):
        """To who logged in; a stranger may have written any sender there."""
        before = self.inbox()
        self.fails(mail=' RET=FULL', login=True)
        _, _, original = self.report(before)
        self.assertEqual(original.get_content_type(), 'message/rfc822')
        self.assertEqual(original.get_payload()[0].get_payload().strip(),
                         'the text')
        self.fails(mail=' RET=FULL')
        _, _, original = self.report(before + 1)
        self.assertEqual(original.get_content_type(), 'text/rfc822-headers')
        self.assertNotIn('the text', original.get_payload())

    def test_never(self):
        before = self.inbox()
        for notify in ('NEVER', 'SUCCESS', 'DELAY', 'SUCCESS,DELAY'):
            self.fails(rcpt=' NOTIFY=' + notify)
        self.system.mda()
        self.assertEqual(self.inbox(), before)
        self.assertEqual(self.system.db.queue.count_documents({}), 0)

    def test_success(self):
        for recipient, action in (('bob@example.org', 'delivered'),
                                  ('news@example.org', 'expanded')):
            before = self.inbox()
            self.post(recipient, rcpt=' NOTIFY=SUCCESS')
            self.system.mda()
            _, fields, _ = self.report(before)
            self.assertEqual(fields['Action'], action)
            self.assertEqual(fields['Status'][0], '2')
            self.assertEqual(fields['Final-Recipient'],
                             'rfc822; ' + recipient)

    def test_no_notice_when_only_failures_are_wanted(self):
        self.system.set('retry', {'durations': '1h notify'})
        self.system.write_config()
        self.addCleanup(self.system.write_config)
        self.addCleanup(self.system.settings.pop, 'retry')
        before = self.inbox()
        for notify, told in (('FAILURE', 0), ('DELAY', 1)):
            self.fresh()
            self.post('bob@far.example', rcpt=' NOTIFY=' + notify)
            self.system.mda()
            self.system.mda()
            self.assertEqual(self.inbox() - before, told, notify)

    # --- reports about reports -------------------------------------------------------

    def test_null_sender_is_not_told(self):
        before = [self.inbox(w) for w in ('ann', 'postmaster')]
        self.fails(sender='', rcpt=' NOTIFY=FAILURE')
        self.system.mda()
        self.assertEqual([self.inbox(w) for w in ('ann', 'postmaster')],
                         before)
        self.assertEqual(self.system.db.queue.count_documents({}), 0)

    def test_bounce_of_a_bounce(self):
        """The bounce's own recipient is gone: the postmaster has it, and
        nothing comes of that one."""
        before = self.inbox('postmaster')
        self.system.add_mailbox('away@example.org')
        self.system.add_mailbox('gone@example.org')
        self.post('gone@example.org', sender='away@example.org')
        for name in ('gone', 'away'):
            self.system.m3mta('mailbox', 'remove', f'{name}@example.org',
                              '--yes')
        for _ in range(3):
            self.system.mda()
        _, fields, original = self.report(before, 'postmaster')
        self.assertEqual(fields['Final-Recipient'],
                         'rfc822; away@example.org')
        self.assertEqual(original.get_content_type(),
                         'text/rfc822-headers')
        self.assertIn('MAILER-DAEMON', original.get_payload())
        self.assertEqual(self.system.db.queue.count_documents({}), 0)
        self.system.verify()

    def lose(self, *who):
        for name in who:
            self.system.m3mta('mailbox', 'remove', f'{name}@example.org',
                              '--yes')

    def made(self):
        return re.findall(r'event=made .* kind=([a-z]+)',
                          self.system.mda().stderr.decode())

    def test_what_the_postmaster_cannot_be_told_ends(self):
        """Whatever the name that his mail leads to, and that is gone."""
        s = self.system
        for who in ('t1', 't2', 'boss'):
            s.add_mailbox(f'{who}@example.org')
        s.m3mta('domain', 'set', 'example.org',
                '--postmaster=boss@example.org')
        self.addCleanup(s.m3mta, 'domain', 'set', 'example.org',
                        '--postmaster=')
        self.post('t1@example.org', sender='t2@example.org')
        self.lose('t1', 't2', 'boss')
        self.assertEqual(self.made(), ['bounce', 'double'])
        self.assertEqual(s.db.queue.count_documents({}), 0)

    def test_a_report_that_a_list_cannot_be_told_is_the_postmasters(self):
        s = self.system
        for who in ('t3', 't4'):
            s.add_mailbox(f'{who}@example.org')
        s.m3mta('list', 'add', 'owners@example.org', 't4@example.org',
                '--owner=eve@example.org')
        s.m3mta('list', 'add', 'posts@example.org', 't3@example.org',
                '--owner=owners@example.org')
        before = self.inbox('postmaster')
        self.post('posts@example.org')
        self.lose('t3', 't4')
        self.assertEqual(self.made(), ['list', 'bounce', 'bounce', 'double'])
        _, fields, _ = self.report(before, 'postmaster')
        self.assertEqual(fields['Final-Recipient'],
                         'rfc822; t4@example.org')


if __name__ == '__main__':
    unittest.main()
