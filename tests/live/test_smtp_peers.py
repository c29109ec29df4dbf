"""SMTP and LMTP as other systems speak them: one reply to one command, one
LMTP reply to each recipient that was accepted, and what peers say that no
RFC has."""
import os
import unittest

from harness import LiveTest

HELLO, MAIL = 'EHLO me.example', 'MAIL FROM:<s@example.net>'
RCPT = 'RCPT TO:<ann@example.org>'
MESSAGE = b'Subject: x\r\n\r\nx\r\n.\r\n'


class Peers(LiveTest):
    settings = {'smtp__vrfy': True, 'smtp__expn': True}

    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        s.m3mta('domain', 'add', 'backup.example', '--delivery=backup')
        for who in ('ann', 'bob'):
            s.add_mailbox(f'{who}@example.org')
        s.add_mailbox('jörg@example.org')
        s.m3mta('alias', 'add', 'all@example.org', 'ann@example.org',
                'jörg@example.org')
        s.m3mta('alias', 'add', 'two@example.org', 'ann@example.org',
                'bob@example.org')

    def start(self, *options, hello=HELLO):
        d = self.dialog('m3mta-smtp', *options)
        self.assertEqual(d.reply()[0][:4], '220 ')
        self.assertEqual(d.smtp(hello)[:4], '250 ')
        return d

    def say(self, d, *commands):
        for command in commands:
            self.assertIn(d.smtp(command)[:3], ('250', '354'), command)

    def only(self, d, reply):
        """That was the one reply: the next is that of a NOOP."""
        self.assertEqual(d.smtp('NOOP'), '250 2.0.0 OK', reply)
        return reply

    def last(self):
        return self.system.db.queue.find_one(sort=[('created_at', -1)])


class Lmtp(Peers):
    def lmtp(self, *options):
        return self.start('--role', 'lmtp', *options, hello='LHLO me.example')

    def test_each_accepted_recipient_gets_its_reply_duplicates_too(self):
        d = self.lmtp()
        self.say(d, MAIL, RCPT, 'RCPT TO:<bob@example.org>')
        self.assertEqual(d.smtp('RCPT TO:<no@example.org>')[:3], '550')
        self.say(d, 'RCPT TO:<ANN@example.org>', RCPT, 'DATA')
        replies = [d.smtp(MESSAGE)] + [d.reply()[-1] for _ in range(3)]
        self.assertEqual([r[:9] for r in replies], ['250 2.0.0'] * 4)
        self.only(d, replies)
        self.assertEqual([r['address'] for r in self.last()['recipients']],
                         ['ann@example.org', 'bob@example.org'])

    def test_a_refused_message_has_as_many_replies(self):
        d = self.lmtp('-o', 'smtp.size.maximum=65536')
        self.say(d, MAIL, RCPT, RCPT, 'DATA')
        replies = [d.smtp(b'x' * 70000 + b'\r\n.\r\n'), d.reply()[-1]]
        self.assertEqual([r[:9] for r in replies], ['552 5.3.4'] * 2)
        self.only(d, replies)

    def test_one_recipient_that_loops_or_is_full_leaves_it_to_the_others(
            self):
        """Each with its reply, also when it was named twice."""
        self.system.add_mailbox('full@example.org', '--quota=20')
        d = self.lmtp()
        for to, want in (
                (('ann', 'bob'), '554 250'),
                (('bob', 'ann', 'full', 'bob', 'ann'),
                 '250 554 452 250 554'),
                (('full', 'ann'), '452 554'), (('ann', 'ann'), '554 554'),
                (('full', 'ann', 'bob'), '452 554 250')):
            with self.subTest(to=to):
                self.say(d, MAIL, *(f'RCPT TO:<{w}@example.org>' for w in to),
                         'DATA')
                self.system.db.queue.delete_many({})
                replies = [d.smtp('Delivered-To: ann@example.org\r\n\r\nx'
                                  '\r\n.')]
                replies += [d.reply()[-1] for _ in to[1:]]
                self.only(d, replies)
                self.assertEqual(' '.join(r[:3] for r in replies), want)
                item = self.last()
                self.assertEqual([r['address'] for r in item['recipients']]
                                 if item else [],
                                 ['bob@example.org'] if 'bob' in to else [])

    def test_data_without_a_recipient_is_503(self):
        d = self.lmtp()
        self.say(d, MAIL)
        self.assertEqual(self.only(d, d.smtp('DATA'))[:9], '503 5.5.1')
        d.smtp('RCPT TO:<no@example.org>')
        self.assertEqual(self.only(d, d.smtp('DATA'))[:9], '503 5.5.1')


class Words(Peers):
    def test_surplus_recipients_leave_the_message_to_the_others(self):
        d = self.start('-o', 'smtp.limit.recipients=100')
        d.send('\r\n'.join([MAIL] + [f'RCPT TO:<ann+{i}@example.org>'
                                     for i in range(150)]) + '\r\n')
        self.assertEqual(d.reply()[0][:3], '250')
        replies = [d.reply()[-1][:9] for _ in range(150)]
        self.assertEqual(replies,
                         ['250 2.1.5'] * 100 + ['452 4.5.3'] * 50)
        self.say(d, 'DATA')
        self.assertEqual(d.smtp(MESSAGE)[:3], '250')
        self.assertEqual(len(self.last()['recipients']), 100)

    def test_a_recipient_named_again_counts_against_the_limit(self):
        d = self.start('-o', 'smtp.limit.recipients=100')
        self.say(d, MAIL, *[RCPT] * 100)
        self.assertEqual(d.smtp(RCPT)[:9], '452 4.5.3')

    def test_vrfy_answers_as_rcpt_would(self):
        d = self.start()
        for command, want in (
                ('VRFY <ann@example.org>', '250 2.1.5 <ann@example.org>'),
                ('VRFY ann@example.org', '250 2.1.5 <ann@example.org>'),
                ('VRFY all@example.org', '250 2.1.5 <all@example.org>'),
                ('VRFY postmaster', '250 2.1.5 <postmaster@example.org>'),
                ('VRFY <postmaster>', '250 2.1.5 <postmaster@example.org>'),
                ('VRFY <ann@example.org> SMTPUTF8',
                 '250 2.1.5 <ann@example.org>'),
                ('VRFY jörg@example.org', '553 5.6.7'),
                ('VRFY jörg@example.org smtputf8',
                 '250 2.1.5 <jörg@example.org>'),
                ('VRFY x@backup.example', '252 2.5.0'),
                ('VRFY no@example.org', '550 5.1.1'),
                ('VRFY <>', '550 5.1.1'),
                ('VRFY no@elsewhere.example', '550 5.1.1'),
                ('EXPN all@example.org', '553 5.6.7'),
                ('EXPN all@example.org SMTPUTF8',
                 '250 2.1.5 <jörg@example.org>'),
                ('EXPN two@example.org', '250 2.1.5 <bob@example.org>')):
            with self.subTest(command=command):
                reply = self.only(d, d.smtp(command))
                self.assertEqual(reply[:len(want)], want)
                if want[:3] == '250':
                    self.assertEqual(reply, want)

    def test_a_name_of_a_device_does_not_spoil_the_trace_field(self):
        d = self.start(hello='EHLO Ann\'s (phone); a@b <"x"> \\')
        self.say(d, MAIL, RCPT, 'DATA')
        self.assertEqual(d.smtp(MESSAGE)[:3], '250')
        self.assertTrue(self.last()['body'].startswith(
            b"Received: from Ann's??phone???a?b???x???? ("),
            self.last()['body'])

    def test_a_sender_is_kept_as_it_was_spelled(self):
        for sender in ('try..this@example.net', 'xxx.yyy.@example.net',
                       '.x@example.net', '"a..b"@Example.NET',
                       '"two words"@example.net', 'v' * 200 + '@e.example'):
            with self.subTest(sender=sender):
                d = self.start()
                self.say(d, f'MAIL FROM:<{sender}>', RCPT, 'DATA')
                self.assertEqual(d.smtp(MESSAGE)[:3], '250')
                self.assertEqual(self.last()['sender'], sender)

    def test_a_mailbox_may_have_such_a_name_too(self):
        for local in ('odd..one', 'w' * 100):
            self.system.m3mta('mailbox', 'add', local + '@example.org',
                              '--no-password')
            d = self.start()
            self.say(d, MAIL, f'RCPT TO:<{local}@example.org>')


REFUSING = """#!/bin/sh
while read -r line; do
    case $line in
    protocol_state=*) state=${line#*=} ;;
    sender=*) sender=${line#*=} ;;
    '') case $sender in
        *$state*) echo "action=$code not at $state" ;;
        *) echo action=DUNNO ;;
        esac; echo ;;
    esac
done
"""


class OneReply(Peers):
    """A command gets one reply, also when it is refused."""

    def refuses(self, d, command, code):
        self.assertEqual(self.only(d, d.smtp(command))[:3], code, command)

    def test_a_rate_at_data(self):
        for options, limit in (((), 'limit.messages.source=1/1h'),
                               (('--role', 'submission'),
                                'limit.messages.login=1/1h'),
                               (('--role', 'submission'),
                                'limit.recipients.login=1/1h')):
            with self.subTest(limit=limit):
                d = self.start('-o', limit, *options)
                if options:
                    self.assertEqual(d.smtp(
                        'AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=')[:3],
                        '235')
                mail = 'MAIL FROM:<ann@example.org>' if options else MAIL
                self.say(d, mail, RCPT, 'DATA')
                self.assertEqual(d.smtp(MESSAGE)[:3], '250')
                self.say(d, mail, RCPT)
                self.refuses(d, 'DATA', '450')
                self.assertEqual(d.smtp('QUIT')[:3], '221')

    def test_the_wrong_order_and_what_is_too_much(self):
        d = self.start('-o', 'smtp.limit.recipients=100')
        for command, code in (
                (RCPT, '503'), ('DATA', '503'), ('FROB', '500'),
                ('TURN', '502'), ('RSET x', '501'), ('MAIL FROM:x', '501'),
                (MAIL + ' SIZE=x', '501'), (MAIL + ' FOO=1', '555'),
                (MAIL + ' SIZE=99999999999', '552'), ('AUTH FOO', '504')):
            self.refuses(d, command, code)
        self.say(d, MAIL)
        for command, code in ((MAIL, '503'), ('DATA', '554'),
                              ('RCPT TO:<no@example.org>', '550'),
                              ('RCPT TO:<no@elsewhere.example>', '550'),
                              ('RCPT TO:<>', '501'), ('DATA x', '501')):
            self.refuses(d, command, code)
        self.say(d, *[RCPT] * 100)
        self.refuses(d, RCPT, '452')
        self.say(d, 'DATA')
        self.assertEqual(d.smtp(MESSAGE)[:3], '250')

    def test_a_hook_at_each_stage(self):
        path = os.path.join(self.system.folder, 'refuse')
        with open(path, 'w') as f:
            f.write(REFUSING.replace('$code', '450 4.7.9'))
        os.chmod(path, 0o755)
        self.system.set('hooks', [{'run': path, 'at': at} for at in (
            'mail', 'rcpt', 'data', 'end')])
        self.system.write_config()
        self.addCleanup(self.system.write_config)
        self.addCleanup(self.system.settings.pop, 'hooks')
        steps = [('MAIL', 'MAIL FROM:<{}@example.net>'), ('RCPT', RCPT),
                 ('DATA', 'DATA'), ('END-OF-MESSAGE', MESSAGE)]
        for stage, _ in steps:
            with self.subTest(stage=stage):
                d = self.start()
                for name, command in steps:
                    command = command.format(stage) \
                        if name == 'MAIL' else command
                    if name == stage:
                        self.refuses(d, command, '450')
                        break
                    self.say(d, command)
                self.assertEqual(d.smtp('QUIT')[:3], '221')


del Peers

if __name__ == '__main__':
    unittest.main()
