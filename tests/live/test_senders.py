"""Which addresses a login may send as: its own with a tag, those of its
catch-all, and further senders that m3mta gives and takes."""
import base64
import unittest

from harness import LiveTest


class Senders(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        for name in ('example.org', 'catch.example', 'all.example'):
            s.add_domain(name)
        for who in ('ann@example.org', 'bob@example.org', '*@catch.example',
                    'boss@catch.example'):
            s.add_mailbox(who)
        s.m3mta('alias', 'add', 'info@example.org', 'ann@example.org',
                'bob@example.org')
        s.m3mta('alias', 'add', 'ann+team@example.org', 'bob@example.org')
        s.m3mta('catchall', 'add', 'all.example', 'ann@example.org')
        s.m3mta('alias', 'add', 'desk@all.example', 'bob@example.org')

    def may(self, who, *senders):
        d = self.dialog('m3mta-smtp', '--role', 'submission')
        d.reply()
        d.smtp('EHLO me.example')
        self.assertEqual(d.smtp('AUTH PLAIN ' + base64.b64encode(
            f'\0{who}\0secret'.encode()).decode())[:3], '235')
        answers = []
        for sender in senders:
            reply = d.smtp(f'MAIL FROM:<{sender}>')
            self.assertIn(reply[:9], ('250 2.1.0', '550 5.7.1'))
            answers.append(reply[:3] == '250')
            d.smtp('RSET')
        return answers

    def set(self, who, *options, code=0):
        return self.system.m3mta('mailbox', 'set', who, *options, code=code)

    def senders(self, who):
        return self.system.db.mailboxes.find_one({'_id': who})['senders']

    def test_the_own_address_with_a_tag(self):
        self.assertEqual(
            self.may('ann@example.org', 'ann@example.org',
                     'ann+news@example.org', 'ANN+x+y@Example.ORG',
                     'ann+team@example.org', 'bob+ann@example.org',
                     'anna@example.org', 'chief@example.org'),
            [True, True, True, False, False, False, False])

    def test_the_addresses_of_the_own_catch_all(self):
        self.assertEqual(
            self.may('*@catch.example', 'one@catch.example',
                     'two+x@catch.example', 'boss@catch.example',
                     'boss+x@catch.example', 'one@all.example'),
            [True, True, False, False, False])
        self.assertEqual(
            self.may('ann@example.org', 'one@all.example',
                     'desk@all.example', 'one@catch.example'),
            [True, False, False])
        self.assertEqual(self.may('bob@example.org', 'one@all.example',
                                  'desk@all.example'), [False, False])

    def test_further_senders_are_given_and_taken(self):
        ann = 'ann@example.org'
        asked = ('info@example.org', 'info+x@example.org',
                 'any@catch.example', 'boss@catch.example')
        self.assertEqual(self.may(ann, *asked), [False] * 4)
        for _ in range(2):
            self.set(ann, '--sender=INFO@example.org')
        self.assertEqual(self.senders(ann), ['info@example.org'])
        self.assertEqual(self.may(ann, *asked), [True, True, False, False])
        self.set(ann, '--sender=*@catch.example')
        self.assertEqual(self.may(ann, *asked), [True] * 4)
        self.set(ann, '--no-sender=info@Example.org')
        self.assertEqual(self.senders(ann), ['*@catch.example'])
        self.assertEqual(self.may(ann, *asked), [False, False, True, True])
        self.set(ann, '--no-sender=info@example.org', code=1)
        self.set(ann, '--no-sender=*@catch.example')
        self.assertEqual(self.may(ann, *asked), [False] * 4)

    def test_an_entry_without_effect_is_refused(self):
        bob = 'bob@example.org'
        for entry, code in (('ann+*@example.org', 64), ('a*@example.org', 64),
                            ('bob@example.org', 64), ('nobody', 64),
                            ('', 64)):
            with self.subTest(entry=entry):
                self.set(bob, f'--sender={entry}', code=code)
        self.assertEqual(self.senders(bob), [])
        # A domain elsewhere has one: who relays through us (test_routing).
        self.set(bob, '--sender=x@nowhere.example')
        self.assertEqual(self.may(bob, 'x@nowhere.example',
                                  'y@nowhere.example'), [True, False])
        self.set(bob, '--no-sender=x@nowhere.example')
        # What an older version took can be taken out.
        self.system.db.mailboxes.update_one({'_id': bob}, {'$set': {
            'senders': ['bob+*@example.org', 'x@bücher.example']}})
        self.set(bob, '--no-sender=bob+*@example.org')
        self.set(bob, '--no-sender=x@bücher.example')
        self.assertEqual(self.senders(bob), [])


if __name__ == '__main__':
    unittest.main()
