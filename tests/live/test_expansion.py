"""Aliases, lists, catch-alls and filters that send mail elsewhere: each
recipient ends in a delivery or in a report."""
import datetime
import email
import os
import threading
import unittest

from fake_mta import FakeMta
from harness import LiveTest, free_port, wait_for


class ExpansionTest(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        for who in ('ann', 'bob', 'eve', 'owner'):
            cls.system.add_mailbox(f'{who}@example.org')

    def setUp(self):
        super().setUp()
        self.addCleanup(self.system.db.queue.delete_many, {})

    def stored(self, address, *destinations):
        """An alias as an older version let one make it."""
        db = self.system.db
        if not db.mailboxes.find_one({'_id': address}):
            self.system.m3mta('alias', 'add', address, 'ann@example.org')
        db.mailboxes.update_one(
            {'_id': address}, {'$set': {'destinations': list(destinations)}})

    def accept(self, *recipients, sender='bob@example.org', header='',
               data='250'):
        d = self.dialog('m3mta-smtp')
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp(f'MAIL FROM:<{sender}>')
        for address in recipients:
            answer = d.smtp(f'RCPT TO:<{address}>')
            self.assertTrue(answer.startswith('250'), (address, answer))
        d.smtp('DATA')
        answer = d.smtp(f'{header}Subject: x\r\n\r\nx\r\n.')
        self.assertTrue(answer.startswith(data), answer)
        d.close()

    def post(self, *recipients, **how):
        self.accept(*recipients, **how)
        self.system.mda()
        self.assertEqual(list(self.system.db.queue.find({})), [])

    def send(self, *recipients, sender='bob@example.org'):
        """Recipients as RCPT has them, with parameters."""
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO me.example', f'MAIL FROM:<{sender}>',
                     *(f'RCPT TO:{r}' for r in recipients), 'DATA',
                     'Subject: x\r\n\r\nx\r\n.'):
            answer = d.smtp(line)
            self.assertRegex(answer, '^[23]', line)
        d.close()

    def exists(self, address, folder='INBOX'):
        owner = self.system.db.mailboxes.find_one({'_id': address})['owner']
        return self.system.db.folders.find_one(
            {'owner': owner, 'name': folder})['exists']

    def count(self, *who):
        return [self.exists(f'{w}@example.org') for w in who]

    def last(self, address):
        d = self.dialog('m3mta-imap', '--preauth', address)
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY[]')
        return email.message_from_bytes(
            text[text.index(b'}\r\n') + 3:text.rindex(b')\r\nb OK')])

    def failures(self, address):
        """Of the newest report of a mailbox: {recipient: status}."""
        report = self.last(address)
        self.assertEqual(report.get_content_type(), 'multipart/report')
        return {part['Final-Recipient'].split('; ')[1]: part['Status']
                for part in report.get_payload()[1].get_payload()[1:]}

    def program(self, text):
        path = os.path.join(self.system.folder, f'p{self.id()}')
        with open(path, 'w') as f:
            f.write('#!/bin/sh\n' + text)
        os.chmod(path, 0o755)
        return path

    def use_filter(self, text):
        self.system.settings['filters'] = [{'run': self.program(text)}]
        self.system.write_config()
        self.addCleanup(self.no_filter)

    def no_filter(self):
        self.system.settings.pop('filters', None)
        self.system.write_config()


class Circles(ExpansionTest):
    def assert_one_report(self, *recipients, failed=None):
        before = self.count('ann', 'bob')
        self.post(*recipients)
        self.assertEqual(self.count('ann', 'bob'),
                         [before[0], before[1] + 1])
        self.assertEqual(self.failures('bob@example.org'),
                         {r: '5.4.6' for r in failed or recipients})

    def test_an_alias_of_itself_is_reported(self):
        self.stored('self@example.org', 'self@example.org')
        self.assert_one_report('self@example.org')
        self.assertIn('self@example.org -> self@example.org',
                      self.last('bob@example.org').as_string())

    def test_two_aliases_of_each_other_are_reported_once(self):
        self.stored('a1@example.org', 'b1@example.org')
        self.stored('b1@example.org', 'a1@example.org')
        self.assert_one_report('a1@example.org')
        self.assert_one_report('a1@example.org', 'b1@example.org')

    def test_an_alias_of_its_own_tag_is_reported(self):
        self.stored('c1@example.org', 'c1+x@example.org')
        self.assert_one_report('c1@example.org')

    def test_an_alias_into_a_circle_is_reported(self):
        self.stored('e1@example.org', 'e2@example.org')
        self.stored('e2@example.org', 'e3@example.org')
        self.stored('e3@example.org', 'e2@example.org')
        self.assert_one_report('e1@example.org')

    def test_a_catch_all_to_an_unknown_address_of_its_domain_is_reported(
            self):
        self.system.m3mta('domain', 'add', 'catch2.example')
        self.stored('*@catch2.example', 'x@catch2.example')
        self.assert_one_report('who@catch2.example')

    def test_a_member_of_a_list_in_a_circle_is_reported_to_the_owner(self):
        self.stored('m1@example.org', 'm1@example.org')
        self.system.m3mta('list', 'add', 'l1@example.org', 'ann@example.org',
                          'eve@example.org', '--owner=owner@example.org')
        self.stored('l1@example.org', 'm1@example.org', 'ann@example.org')
        before = self.count('ann', 'bob', 'owner')
        self.post('l1@example.org')
        self.assertEqual(self.count('ann', 'bob', 'owner'),
                         [before[0] + 1, before[1], before[2] + 1])
        self.assertEqual(self.failures('owner@example.org'),
                         {'m1@example.org': '5.4.6'})

    def test_a_branch_that_leads_nowhere_is_reported_the_others_get_it(self):
        self.stored('d2@example.org', 'd2@example.org')
        self.stored('d1@example.org', 'd2@example.org', 'ann@example.org')
        before = self.count('ann', 'bob')
        self.post('d1@example.org')
        self.assertEqual(self.count('ann', 'bob'),
                         [before[0] + 1, before[1] + 1])
        self.assertEqual(self.failures('bob@example.org'),
                         {'d2@example.org': '5.4.6'})

    def test_a_circle_with_a_way_out_is_no_failure(self):
        self.stored('w1@example.org', 'w2@example.org')
        self.stored('w2@example.org', 'w1@example.org', 'ann@example.org')
        before = self.count('ann', 'bob')
        self.post('w1@example.org', 'w2@example.org')
        self.assertEqual(self.count('ann', 'bob'),
                         [before[0] + 1, before[1]])

    def test_an_alias_to_nobody_is_reported(self):
        self.stored('none@example.org')
        self.stored('none2@example.org', 'none@example.org')
        before = self.count('bob')
        self.post('none2@example.org')
        self.assertEqual(self.count('bob'), [before[0] + 1])
        self.assertEqual(self.failures('bob@example.org'),
                         {'none2@example.org': '5.4.6'})

    def test_an_alias_to_a_quoted_local_part_is_delivered(self):
        self.system.add_mailbox('"an n"@example.org')
        self.system.m3mta('alias', 'add', 'quoted@example.org',
                          '"an n"@example.org')
        self.post('quoted@example.org')
        self.assertEqual(self.exists('an n@example.org'), 1)
        self.stored('quoted@example.org', 'an n@example.org')
        self.post('quoted@example.org')
        self.assertEqual(self.exists('an n@example.org'), 2)

    def test_failures_of_an_alias_and_of_others_are_one_report(self):
        self.system.add_mailbox('u2@example.org')
        self.system.add_mailbox('gone@example.org')
        self.system.m3mta('alias', 'add', 'dead@example.org',
                          'gone@example.org', 'ann@example.org')
        self.accept('u2@example.org', 'dead@example.org')
        for who in ('u2', 'gone'):
            self.system.m3mta('mailbox', 'remove', f'{who}@example.org',
                              '--yes')
        before = self.count('bob')
        self.system.mda()
        self.assertEqual(self.count('bob'), [before[0] + 1])
        self.assertEqual(self.failures('bob@example.org'),
                         {'u2@example.org': '5.1.1',
                          'gone@example.org': '5.1.1'})


class Posts(ExpansionTest):
    def test_a_post_has_nothing_of_its_posters_dsn(self):
        s = self.system
        s.add_mailbox('small@example.org', '--quota=10')
        s.m3mta('list', 'add', 'dsn@example.org', 'small@example.org',
                '--owner=owner@example.org')
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO me.example', 'MAIL FROM:<bob@example.org> RET=FULL '
                     'ENVID=mine', 'RCPT TO:<dsn@example.org> NOTIFY=FAILURE'):
            self.assertTrue(d.smtp(line).startswith('250'))
        d.smtp('DATA')
        self.assertTrue(d.smtp('Subject: x\r\n\r\nx\r\n.')
                        .startswith('250'))
        s.mda()
        post = s.db.queue.find_one({'origin': 'list'})
        self.assertEqual((post['ret'], post['envid'], post['sender']),
                         (0, '', 'owner@example.org'))
        self.assertEqual(post['recipients'][0]['notify'], 0)


    def test_two_addresses_of_a_list_are_one_post(self):
        """Also when the second one comes a round later, by a filter."""
        s = self.system
        s.m3mta('list', 'add', 'l3@example.org', 'ann@example.org',
                '--owner=owner@example.org')
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = eve@example.org || exit 0\n'
                        'echo l3+x@example.org; exit 13\n')
        for to in (['l3@example.org', 'l3+y@example.org'],
                   ['l3@example.org', 'eve@example.org']):
            with self.subTest(to=to):
                before = self.count('ann')
                self.post(*to)
                self.assertEqual(self.count('ann'), [before[0] + 1])


class Notify(ExpansionTest):
    """Who is left out in favour of another is told what he asked for."""

    def setUp(self):
        super().setUp()
        self.system.add_mailbox('nn@example.org')
        self.addCleanup(self.system.db.mailboxes.delete_many,
                        {'_id': 'na@example.org'})
        self.system.m3mta('alias', 'add', 'na@example.org', 'nn@example.org')
        self.before = self.count('bob')

    def tearDown(self):
        self.remove()

    def remove(self):
        if self.system.db.mailboxes.find_one({'_id': 'nn@example.org'}):
            self.system.m3mta('mailbox', 'remove', 'nn@example.org', '--yes')

    def assert_failure(self, *recipients):
        self.send(*recipients)
        self.remove()
        self.system.mda()
        self.assertEqual(self.count('bob'), [self.before[0] + 1])
        self.assertEqual(self.failures('bob@example.org'),
                         {'nn@example.org': '5.1.1'})

    def test_never_of_the_one_and_failure_of_the_other(self):
        self.assert_failure('<nn@example.org> NOTIFY=NEVER',
                            '<na@example.org> NOTIFY=FAILURE')

    def test_failure_of_the_one_and_never_of_the_other(self):
        self.assert_failure('<na@example.org> NOTIFY=NEVER',
                            '<nn@example.org>')

    def test_nothing_said_about_the_alias_that_comes_first(self):
        self.assert_failure('<na@example.org>',
                            '<nn@example.org> NOTIFY=SUCCESS')

    def test_the_same_address_twice(self):
        self.assert_failure('<nn@example.org> NOTIFY=NEVER',
                            '<nn@example.org>')

    def test_never_of_both_is_never(self):
        self.send('<nn@example.org> NOTIFY=NEVER',
                  '<na@example.org> NOTIFY=NEVER')
        self.remove()
        self.system.mda()
        self.assertEqual(self.count('bob'), self.before)

    def test_success_of_the_other(self):
        for to in (['<nn@example.org> NOTIFY=NEVER',
                    '<na@example.org> NOTIFY=SUCCESS'],
                   ['<na@example.org> NOTIFY=SUCCESS',
                    '<nn@example.org> NOTIFY=NEVER']):
            with self.subTest(to=to):
                before, had = self.count('bob'), self.exists('nn@example.org')
                self.send(*to)
                self.system.mda()
                self.assertEqual(self.exists('nn@example.org'), had + 1)
                self.assertEqual(self.count('bob'), [before[0] + 1])
                self.assertEqual(self.failures('bob@example.org'),
                                 {'nn@example.org': '2.1.5'})

    def redirect(self):
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = eve@example.org || exit 0\n'
                        'echo nn@example.org; exit 13\n')

    def test_success_of_a_redirect_to_who_has_it(self):
        self.redirect()
        self.send('<nn@example.org> NOTIFY=NEVER',
                  '<eve@example.org> NOTIFY=SUCCESS')
        self.system.mda()
        self.assertEqual(self.exists('nn@example.org'), 1)
        self.assertEqual(self.count('bob'), [self.before[0] + 1])
        self.assertEqual(list(self.failures('bob@example.org').values()),
                         ['2.1.5'])

    def test_failure_of_a_redirect_to_who_failed_in_silence(self):
        """In an attempt before: the filter could not be run."""
        go = os.path.join(self.system.folder, f'go{self._testMethodName}')
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = eve@example.org || exit 0\n'
                        f'test -e {go} || exit 75\n'
                        'echo nn@example.org; exit 13\n')
        self.send('<nn@example.org> NOTIFY=NEVER', '<eve@example.org>')
        self.remove()
        self.system.mda()
        self.assertEqual(self.count('bob'), self.before)
        open(go, 'w').close()
        self.system.m3mta('queue', 'retry', str(
            self.system.db.queue.find_one({})['_id']))
        self.system.mda()
        self.assertEqual(self.count('bob'), [self.before[0] + 1])
        self.assertEqual(self.failures('bob@example.org'),
                         {'nn@example.org': '5.1.1'})


class Filters(ExpansionTest):
    def test_a_filter_that_keeps_a_copy_keeps_it(self):
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = bob@example.org || exit 0\n'
                        'echo bob@example.org; echo ann@example.org\n'
                        'exit 13\n')
        before = self.count('ann', 'bob')
        self.post('bob@example.org', sender='x@example.com')
        self.assertEqual(self.count('ann', 'bob'),
                         [before[0] + 1, before[1] + 1])

    def test_a_filter_that_redirects_to_its_own_tag_delivers(self):
        self.use_filter('cat >/dev/null; echo bob+copy@example.org\n'
                        'exit 13\n')
        before = self.count('bob')
        self.post('bob@example.org', sender='x@example.com')
        self.assertEqual(self.count('bob'), [before[0] + 1])

    def test_filters_that_redirect_to_each_other_deliver_once(self):
        self.use_filter('cat >/dev/null\ncase $M3MTA_MAILBOX in\n'
                        'bob@*) echo ann@example.org;;\n'
                        'ann@*) echo bob@example.org;;\nesac\nexit 13\n')
        for to in (['bob@example.org'], ['bob@example.org',
                                         'ann@example.org']):
            before = sum(self.count('ann', 'bob'))
            self.post(*to, sender='x@example.com')
            self.assertEqual(sum(self.count('ann', 'bob')), before + 1)

    def test_a_filter_that_redirects_to_a_circle_is_reported(self):
        self.stored('f1@example.org', 'f1@example.org')
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = eve@example.org || exit 0\n'
                        'echo f1@example.org; exit 13\n')
        before = self.count('ann')
        self.post('eve@example.org', sender='ann@example.org')
        self.assertEqual(self.count('ann'), [before[0] + 1])
        self.assertEqual(self.failures('ann@example.org'),
                         {'eve@example.org': '5.4.6'})


    def test_two_rounds_that_fail_make_two_reports(self):
        """The first report still waits when the second is made."""
        s = self.system
        s.set('remote.route', f'127.0.0.1:{free_port()}')
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = eve@example.org || exit 0\n'
                        'echo gone@example.org; exit 13\n')
        s.add_mailbox('u2@example.org')
        self.accept('u2@example.org', 'eve@example.org',
                    sender='z@far.example')
        s.m3mta('mailbox', 'remove', 'u2@example.org', '--yes')
        s.mda()
        s.settings.pop('remote')
        self.assertEqual(s.db.queue.count_documents({'origin': 'bounce'}), 2)
        self.assertEqual(s.db.queue.count_documents({}), 2)


    def test_two_rounds_that_deliver_make_two_reports_of_success(self):
        s = self.system
        s.set('remote.route', f'127.0.0.1:{free_port()}')
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = eve@example.org || exit 0\n'
                        'echo ann@example.org; exit 13\n')
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO me.example', 'MAIL FROM:<z@far.example>',
                     'RCPT TO:<bob@example.org> NOTIFY=SUCCESS',
                     'RCPT TO:<eve@example.org> NOTIFY=SUCCESS', 'DATA',
                     'Subject: x\r\n\r\nx\r\n.'):
            answer = d.smtp(line)
        self.assertTrue(answer.startswith('250'), answer)
        s.mda()
        s.settings.pop('remote')
        self.assertEqual(s.db.queue.count_documents({'origin': 'success'}),
                         2)

    def test_what_is_dropped_for_one_address_is_not_for_another(self):
        """The other one could not be filtered at first."""
        s = self.system
        go = os.path.join(s.folder, f'go{self._testMethodName}')
        self.use_filter('cat >/dev/null\ncase $M3MTA_RECIPIENT in\n'
                        'ann+spam@*) exit 11;;\n'
                        f'ann@*) test -e {go} || exit 75;;\nesac\n')
        before = self.count('ann')
        self.accept('ann+spam@example.org', 'ann@example.org')
        s.mda()
        open(go, 'w').close()
        s.m3mta('queue', 'retry', str(s.db.queue.find_one({})['_id']))
        s.mda()
        self.assertEqual(self.count('ann'), [before[0] + 1])

    def test_an_answer_is_not_lost_with_the_courier(self):
        """Killed after the first of two hosts took the message."""
        s = self.system
        hosts = [FakeMta(), FakeMta()]
        for n, host in enumerate(hosts):
            self.addCleanup(host.close)
            s.m3mta('domain', 'add', f'h{n}.example', '--delivery=relay',
                    f'--route=127.0.0.1:{host.port}')
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = ann@example.org || exit 0\n'
                        'printf "Subject: away\\n\\nx\\n"; exit 15\n')
        before = self.count('ann', 'bob')
        self.accept('ann@example.org', 'x@h0.example', 'y@h1.example')
        s.mda(env={'M3MTA_FAULT': 'mda-after-progress:kill'}, fault=True)
        self.assertEqual(len(hosts[0].messages) + len(hosts[1].messages), 1)
        s.db.limits.delete_many({})
        s.db.queue.update_many({}, {'$set': {
            'next_at': datetime.datetime(1970, 1, 1)}})
        s.mda()
        self.assertEqual([len(h.messages) for h in hosts], [1, 1])
        self.assertEqual(self.count('ann', 'bob'),
                         [before[0], before[1] + 1])
        self.assertEqual(self.last('bob@example.org')['Subject'], 'away')

    def test_a_filters_folder_that_is_gone_is_inbox(self):
        self.use_filter('cat >/dev/null; echo Nowhere; exit 14\n')
        before = self.count('eve')
        self.accept('eve@example.org')
        log = self.system.mda().stderr.decode()
        self.assertEqual(self.count('eve'), [before[0] + 1])
        self.assertRegex(log, 'event=no-folder .*folder=Nowhere')

    def test_a_mailbox_without_inbox_makes_mail_wait(self):
        s = self.system
        s.add_mailbox('lost@example.org')
        owner = s.db.mailboxes.find_one({'_id': 'lost@example.org'})['owner']
        s.db.folders.update_one({'owner': owner, 'name': 'INBOX'},
                                {'$set': {'name': 'elsewhere'}})
        self.use_filter('cat >/dev/null; echo Nowhere; exit 14\n')
        self.accept('lost@example.org')
        s.mda()
        r = s.db.queue.find_one({})['recipients'][0]
        self.assertEqual((r['state'], r['code'], r['status']),
                         ('P', 451, '4.2.0'))


class Changes(ExpansionTest):
    """What happens to a mailbox while its filter runs."""

    def meanwhile(self, address, change):
        s = self.system
        s.m3mta('config', 'set', 'mda', 'quota.full', 'permanent')
        self.addCleanup(s.m3mta, 'config', 'unset', 'mda', 'quota.full')
        s.add_mailbox(address)
        ran, go = (os.path.join(s.folder, f'{n}{self._testMethodName}')
                   for n in ('ran', 'go'))
        self.use_filter(f'cat >/dev/null\ntest $M3MTA_MAILBOX = {address} || '
                        f'exit 0\ntouch {ran}\nuntil test -e {go}; do '
                        'sleep 0.1; done\n')
        self.accept(address, sender='ann@example.org')
        mda = threading.Thread(target=s.mda)
        mda.start()
        self.addCleanup(mda.join)
        try:
            wait_for(lambda: os.path.exists(ran), 30, 'the filter')
            change()
        finally:
            open(go, 'w').close()
        mda.join()
        wait_for(lambda: s.mda() and not s.db.queue.find_one({}), 30,
                 'an empty queue')

    def remove(self, address):
        self.system.m3mta('mailbox', 'remove', address, '--yes')

    def test_a_mailbox_that_is_another_owners_now_gets_the_mail(self):
        def change():
            self.remove('new@example.org')
            self.system.add_mailbox('new@example.org')
        before = self.count('ann')
        self.meanwhile('new@example.org', change)
        self.assertEqual(self.count('ann', 'new'), [before[0], 1])

    def test_a_mailbox_that_is_gone_is_reported_as_that(self):
        address = 'off@example.org'
        self.meanwhile(address, lambda: self.remove(address))
        self.assertEqual(self.failures('ann@example.org'),
                         {address: '5.1.1'})

    def test_a_mailbox_that_is_disabled_is_reported_as_that(self):
        address = 'stop@example.org'
        self.meanwhile(address, lambda: self.system.m3mta(
            'mailbox', 'set', address, '--disable'))
        self.assertEqual(self.failures('ann@example.org'),
                         {address: '5.2.1'})

    def test_a_mailbox_that_is_full_now_is_reported_as_that(self):
        address = 'little@example.org'
        self.meanwhile(address, lambda: self.system.m3mta(
            'mailbox', 'set', address, '--quota=10'))
        self.assertEqual(self.failures('ann@example.org'),
                         {address: '5.2.2'})


class Originals(ExpansionTest):
    def test_each_copy_says_for_which_addresses_it_is(self):
        self.system.m3mta('domain', 'add', 'catch.example')
        self.system.add_mailbox('*@catch.example')
        self.system.m3mta('alias', 'add', 'sales@example.org',
                          'bob@example.org')
        self.post('one@catch.example', 'two@catch.example',
                  'sales@example.org', 'bob+tag@example.org')
        message = self.last('bob@example.org')
        self.assertEqual(message.get_all('X-Original-To'),
                         ['bob+tag@example.org', 'sales@example.org'])
        self.assertEqual(message['Delivered-To'], 'bob@example.org')
        message = self.last('*@catch.example')
        self.assertEqual(message.keys()[:3], ['Return-Path', 'X-Original-To',
                                              'X-Original-To'])
        self.assertEqual(message.get_all('X-Original-To'),
                         ['one@catch.example', 'two@catch.example'])
        self.assertEqual(message['Delivered-To'], 'one@catch.example')

    def test_the_original_recipient_stays_through_aliases(self):
        self.stored('far1@example.org', 'far2@example.org')
        self.stored('far2@example.org', 'eve@example.org')
        self.post('Far1@example.org')
        message = self.last('eve@example.org')
        self.assertEqual(message.get_all('X-Original-To'),
                         ['Far1@example.org'])
        self.assertIn('for <Far1@example.org>', message['Received'])

    def test_a_catch_alls_loop_is_seen(self):
        """By the address, not by the name of the catch-all."""
        self.system.m3mta('domain', 'add', 'catch3.example')
        self.system.add_mailbox('*@catch3.example')
        self.accept('one@catch3.example', header='Delivered-To: '
                    'two@catch3.example\r\n')
        self.system.mda()
        self.assertEqual(self.exists('*@catch3.example'), 1)
        self.accept('one@catch3.example', data='554 5.4.6',
                    header='Delivered-To: One@catch3.example\r\n')


class OneCopy(ExpansionTest):
    def test_two_addresses_of_a_mailbox_are_one_copy(self):
        self.system.m3mta('alias', 'add', 'also@example.org',
                          'ann@example.org')
        self.system.m3mta('domain', 'add', 'catch.example')
        self.system.add_mailbox('*@catch.example')
        for to in (['also@example.org', 'ann@example.org'],
                   ['ann@example.org', 'ann+tag@example.org']):
            for is_behind in (False, True):
                with self.subTest(to=to, is_behind=is_behind):
                    before = self.count('ann')
                    if is_behind:
                        self.accept('eve@example.org')
                    self.post(*to)
                    self.assertEqual(self.count('ann'), [before[0] + 1])
        self.post('x@catch.example', 'y@catch.example')
        self.assertEqual(self.exists('*@catch.example'), 1)

    def test_the_second_address_after_an_attempt_that_deferred_it(self):
        s = self.system
        s.m3mta('alias', 'add', 'again@example.org', 'ann@example.org')
        before = self.count('ann')
        self.accept('ann@example.org', 'again@example.org')
        item = s.db.queue.find_one({})
        s.mda()
        self.assertEqual(self.count('ann'), [before[0] + 1])
        # As an attempt leaves it whose second recipient was put off.
        item['recipients'][0].update(state='D', host='ann@example.org')
        item.pop('body', None)
        s.db.queue.delete_many({'_id': item['_id']})
        s.db.queue.insert_one(item)
        s.mda()
        self.assertEqual(self.count('ann'), [before[0] + 1])
        self.assertEqual(s.db.queue.count_documents({'blob': item['blob']}),
                         0)

    def test_a_full_mailbox_keeps_both_of_its_addresses_waiting(self):
        s = self.system
        s.add_mailbox('tiny@example.org')
        self.accept('tiny@example.org', 'tiny+tag@example.org')
        s.m3mta('mailbox', 'set', 'tiny@example.org', '--quota=10')
        s.mda()
        item = s.db.queue.find_one({})
        self.assertEqual([(r['state'], r['code'], r['status'])
                          for r in item['recipients']],
                         [('P', 452, '4.2.2')] * 2)
        s.m3mta('config', 'set', 'mda', 'quota.full', 'permanent')
        self.addCleanup(s.m3mta, 'config', 'unset', 'mda', 'quota.full')
        before = self.count('bob')
        s.m3mta('queue', 'retry', str(item['_id']))
        s.mda()
        self.assertEqual(self.count('bob'), [before[0] + 1])
        self.assertEqual(self.failures('bob@example.org'),
                         {'tiny@example.org': '5.2.2',
                          'tiny+tag@example.org': '5.2.2'})


class Killed(ExpansionTest):
    """Filters, aliases and lists at once, and the mda dies in between."""
    BOXES = ('ann', 'bob', 'eve', 'owner', 'k1', 'k2', 'k3', 'drop', 'say')
    FILTER = """cat >/dev/null
case $M3MTA_MAILBOX in
ann@*) printf 'Subject: a\\n\\nx\\n'; exit 16;;
eve@*) echo k3@example.org; echo kl+x@example.org; echo ka@example.org
    exit 13;;
drop@*) exit 11;;
say@*) printf 'Subject: s\\n\\nx\\n'; exit 15;;
k1@*) echo Archive; exit 14;;
k2@*) printf 'Subject: rewritten\\n\\nzz\\n'; exit 10;;
esac
"""

    def counts(self):
        return self.count(*self.BOXES) + [
            self.exists('k1@example.org', 'Archive')]

    def deliver(self, point=None):
        s = self.system
        before = self.counts()
        self.send('<ann@example.org>', '<ka@example.org>',
                  '<eve@example.org>', '<kl@example.org>',
                  '<drop@example.org>', '<say@example.org>',
                  '<k3+t@example.org> NOTIFY=NEVER')
        if point:
            s.mda(code=-9, fault=True,
                  env={'M3MTA_FAULT': f'{point}:kill'})
            s.db.queue.update_many({}, {'$set': {
                'next_at': datetime.datetime(1970, 1, 1)}})
        wait_for(lambda: s.mda() and not s.db.queue.find_one({}), 60,
                 'an empty queue')
        return [n - b for n, b in zip(self.counts(), before)]

    def test_each_gets_what_he_gets_wherever_it_dies(self):
        s = self.system
        for who in self.BOXES[4:]:
            s.add_mailbox(f'{who}@example.org')
        s.m3mta('alias', 'add', 'ka@example.org', 'ann@example.org',
                'k1@example.org', 'say@example.org')
        s.m3mta('list', 'add', 'kl@example.org', 'k2@example.org',
                'ann@example.org', '--owner=owner@example.org')
        s.db.mailboxes.update_one({'_id': 'kl@example.org'}, {
            '$push': {'destinations': 'k2@example.org'}})
        self.use_filter(self.FILTER)
        # Two answers for the poster; ann has it also as a member.
        want = [2, 2, 0, 0, 0, 1, 1, 0, 0, 1]
        for point in (None, 'mda-claimed', 'mda-in-txn', 'mda-after-txn',
                      'mda-before-outcome', 'mda-after-outcome'):
            with self.subTest(point=point):
                self.assertEqual(self.deliver(point), want)
        s.verify()


class Making(ExpansionTest):
    """Circles and missing destinations are refused when they are made."""

    def refused(self, *words, said):
        done = self.system.run(
            [self.system.binary('m3mta'), '-c', self.system.config, *words],
            code=1)
        self.assertIn(said, done.stderr.decode())
        self.assertIsNone(self.system.db.mailboxes.find_one(
            {'_id': words[2]}))

    def test_an_alias_that_closes_a_circle_is_refused_by_its_name(self):
        m = self.system.m3mta
        self.refused('alias', 'add', 'k1@example.org', 'k1@example.org',
                     said='k1@example.org -> k1@example.org')
        self.refused('alias', 'add', 'k1@example.org', 'k1+x@example.org',
                     'ann@example.org',
                     said='k1@example.org -> k1@example.org')
        m('alias', 'add', 'k3@example.org', 'ann@example.org')
        m('alias', 'add', 'k2@example.org', 'k3@example.org')
        m('alias', 'add', 'k1@example.org', 'k2@example.org')
        m('alias', 'remove', 'k3@example.org')
        self.refused('alias', 'add', 'k3@example.org', 'k1@example.org',
                     said='k3@example.org -> k1@example.org -> '
                     'k2@example.org -> k3@example.org')
        for name in ('k1', 'k2'):
            m('alias', 'remove', f'{name}@example.org')

    def test_a_list_or_a_catch_all_that_closes_a_circle_is_refused(self):
        m = self.system.m3mta
        self.refused('list', 'add', 'n1@example.org', 'n1@example.org',
                     'ann@example.org', '--owner=ann@example.org',
                     said='n1@example.org -> n1@example.org')
        m('list', 'add', 'n2@example.org', 'n1@example.org',
          '--owner=ann@example.org')
        self.refused('list', 'add', 'n1@example.org', 'n2@example.org',
                     '--owner=ann@example.org',
                     said='n1@example.org -> n2@example.org -> '
                     'n1@example.org')
        m('list', 'remove', 'n2@example.org')
        m('domain', 'add', 'round.example')
        for words in (('catchall', 'add', 'round.example'),
                      ('alias', 'add', '*@round.example')):
            self.refused(*words, 'x@round.example',
                         said='*@round.example -> *@round.example')
        m('catchall', 'add', 'round.example', 'ann@example.org')
        m('catchall', 'remove', 'round.example')

    def test_a_destination_that_is_not_there_is_refused(self):
        m = self.system.m3mta
        self.refused('alias', 'add', 'p1@example.org', 'ann@example.org',
                     'nobody@example.org',
                     said='there is no address nobody@example.org')
        m('domain', 'add', 'none.example')
        self.refused('catchall', 'add', 'none.example', 'nobody@example.org',
                     said='there is no address nobody@example.org')
        m('alias', 'add', 'p1@example.org', 'who@far.example')
        m('alias', 'remove', 'p1@example.org')

    def test_verify_names_circles_and_missing_destinations(self):
        self.stored('v1@example.org', 'v2@example.org')
        self.stored('v2@example.org', 'v1@example.org', 'ann@example.org')
        self.stored('v3@example.org', 'nobody@example.org')
        self.stored('v4@example.org')
        done = self.system.run(
            [self.system.binary('m3mta'), '-c', self.system.config,
             'verify'], code=1)
        for line in (
                'alias-circle v1@example.org: v1@example.org -> '
                'v2@example.org -> v1@example.org',
                'alias-circle v2@example.org: v2@example.org -> '
                'v1@example.org -> v2@example.org',
                'alias-missing v3@example.org: there is no address '
                'nobody@example.org', 'alias-circle v4@example.org: it '
                'leads to nobody'):
            self.assertIn(line, done.stdout.decode())
        self.assertEqual(done.stdout.count(b'alias-'), 4)
        for n in range(1, 5):
            self.system.m3mta('alias', 'remove', f'v{n}@example.org')
        self.system.verify()


class AtOnce(ExpansionTest):
    """Said in the session what else would be a report to somebody."""

    def session(self, *lines):
        d = self.dialog('m3mta-smtp')
        d.reply()
        answers = [d.smtp(line) for line in ('EHLO me.example', *lines)]
        d.close()
        return answers[1:]

    def test_rcpt_looks_one_step_on(self):
        for name in ('here', 'there'):
            self.system.add_mailbox(f'{name}@example.org')
        self.system.m3mta('alias', 'add', 'q1@example.org',
                          'here@example.org')
        self.system.m3mta('alias', 'add', 'q2@example.org',
                          'here@example.org', 'there@example.org')
        asked = ('MAIL FROM:<x@far.example>', 'RCPT TO:<q1@example.org>',
                 'RCPT TO:<q2@example.org>')
        self.assertEqual([a[:3] for a in self.session(*asked)],
                         ['250', '250', '250'])
        self.system.m3mta('mailbox', 'remove', 'here@example.org', '--yes')
        answers = self.session(*asked)
        self.assertTrue(answers[1].startswith('550 5.1.1'), answers)
        self.assertTrue(answers[2].startswith('250'), answers)
        for n in (1, 2):
            self.system.m3mta('alias', 'remove', f'q{n}@example.org')

    def test_room_is_asked_for_again_at_the_end_of_data(self):
        s = self.system
        s.add_mailbox('dora@example.org', '--quota=12k')
        s.add_mailbox('dick@example.org', '--quota=12k')
        body = 'Subject: x\r\n\r\n' + ('y' * 76 + '\r\n') * 400 + '.'
        for recipients, size, want in (
                (['dora'], '', '452 4.2.2'),
                (['dora', 'dick'], '', '452 4.2.2'),
                (['dora', 'dick'], ' SIZE=1000', '452 4.2.2'),
                (['dora', 'ann'], '', '250'), (['ann'], '', '250')):
            with self.subTest(recipients=recipients, size=size):
                answers = self.session(
                    f'MAIL FROM:<x@far.example>{size}',
                    *(f'RCPT TO:<{r}@example.org>' for r in recipients),
                    'DATA', body)
                self.assertTrue(answers[-1].startswith(want), answers)
                s.db.queue.delete_many({})
        s.set('quota.full', 'permanent')
        s.write_config()
        self.addCleanup(s.write_config)
        self.addCleanup(s.settings.pop, 'quota')
        self.assertTrue(self.session(
            'MAIL FROM:<x@far.example>', 'RCPT TO:<dora@example.org>',
            'DATA', body)[-1].startswith('552 5.2.2'))

    def test_a_loop_is_refused_before_it_is_accepted(self):
        """Else the report goes to whom the envelope names as sender."""
        for header in ('Delivered-To: ann@example.org',
                       'delivered-to:  Ann@Example.org '):
            for to in (['ann'], ['bob', 'ann']):
                answers = self.session(
                    'MAIL FROM:<victim@far.example> RET=FULL',
                    *(f'RCPT TO:<{r}@example.org>' for r in to), 'DATA',
                    f'{header}\r\n\r\npayload\r\n.')
                self.assertTrue(answers[-1].startswith('554 5.4.6'),
                                (header, to, answers))
        self.assertEqual(self.system.db.queue.count_documents({}), 0)


if __name__ == '__main__':
    unittest.main()
