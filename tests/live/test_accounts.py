"""Accounts: sessions end with them, and administrators' commands write what
they were asked to change, nothing else."""
import base64
import hashlib
import hmac
import subprocess
import threading
import time
import unittest

from harness import LiveTest, wait_for

ANN, BOB, CARL = ('ann@example.org', 'bob@example.org', 'carl@example.org')


class AccountTest(LiveTest):
    settings = {'imap__idle__poll': '1s', 'auth__look': '0s'}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox(BOB)
        cls.imap_port = cls.system.serve('m3mta-imap', 'imap')
        cls.smtp_port = cls.system.serve('m3mta-smtp', 'submission')

    def setUp(self):
        super().setUp()
        self.system.add_mailbox(CARL)
        self.addCleanup(self.system.m3mta, 'mailbox', 'remove', CARL, '--yes',
                        code=None)

    def imap(self, address=CARL):
        d = self.dialog('m3mta-imap', port=self.imap_port)
        d.line()
        password = self.system.passwords[address]
        self.assertIn(b'OK', d.imap('l', f'LOGIN {address} {password}'))
        return d

    def smtp(self, address=CARL):
        d = self.dialog('m3mta-smtp', port=self.smtp_port)
        d.reply()
        d.smtp('EHLO x.example')
        plain = f'\0{address}\0{self.system.passwords[address]}'.encode()
        word = base64.b64encode(plain).decode()
        self.assertIn('235', d.smtp('AUTH PLAIN ' + word))
        self.assertIn('250', d.smtp(f'MAIL FROM:<{address}>'))
        self.assertIn('250', d.smtp('RSET'))
        return d


class Sessions(AccountTest):
    def ends(self, text, *words, data=None):
        """The sessions that are open end with this."""
        smtp, plain, selected, idle = (self.smtp(), self.imap(), self.imap(),
                                       self.imap())
        in_mail = self.smtp()
        in_mail.smtp(f'MAIL FROM:<{CARL}>')
        in_mail.smtp(f'RCPT TO:<{BOB}>')
        selected.imap('a', 'SELECT INBOX')
        idle.imap('a', 'SELECT INBOX')
        idle.send('b IDLE\r\n')
        self.assertEqual(idle.line()[:1], b'+')
        other = self.imap(BOB)
        self.system.m3mta(*words, data=data)
        for d, command, words in (
                (smtp, f'MAIL FROM:<{CARL}>', b'^421.*'),
                (in_mail, 'DATA', b'^421.*'),
                (plain, 'c CREATE x', b'^\\* BYE.*'),
                (selected, 'c FETCH 1:* FLAGS', b'^\\* BYE.*'),
                (idle, None, b'^\\* BYE.*')):
            self.assertRegex(self.last_words(d, command),
                             words + text.encode())
        self.assertIn(b'OK', other.imap('c', 'NOOP'))

    @staticmethod
    def last_words(d, command=None):
        """All that is said up to the end; it may end before the command."""
        text = b''
        d.sock.settimeout(60)
        try:
            if command:
                d.send(command + '\r\n')
        except ConnectionError:
            pass
        try:
            while line := d.line():
                text += line
        except ConnectionError:
            pass
        return text

    def wait_in_all_ways(self):
        """Sessions that wait for their client, wherever one can."""
        s = {name: self.smtp() for name in ('smtp', 'recipient', 'data',
                                            'half a command')}
        s.update((name, self.imap()) for name in (
            'imap', 'selected', 'half a line', 'literal', 'append',
            'notify'))
        for name in ('recipient', 'data'):
            s[name].smtp(f'MAIL FROM:<{CARL}>')
            s[name].smtp(f'RCPT TO:<{BOB}>')
        self.assertIn('354', s['data'].smtp('DATA'))
        s['data'].send('Subject: x\r\n')
        s['half a command'].send('MAIL FRO')
        for name in ('selected', 'half a line', 'notify'):
            s[name].imap('a', 'SELECT INBOX')
        s['half a line'].send('b FETC')
        s['literal'].send('b CREATE {100}\r\n')
        s['append'].send('b APPEND INBOX {100}\r\n')
        for name in ('literal', 'append'):
            self.assertEqual(s[name].line()[:1], b'+')
            s[name].send('Subject')
        self.assertIn(b'b OK', s['notify'].imap(
            'b', 'NOTIFY SET (SELECTED (MessageNew MessageExpunge))'))
        return s

    def test_who_waits_is_ended_without_a_command(self):
        before = self.system.db.queue.count_documents({})
        for text, *words in (
                ('disabled', 'mailbox', 'set', CARL, '--disable'),
                ('removed', 'mailbox', 'remove', CARL, '--yes')):
            sessions = self.wait_in_all_ways()
            self.system.m3mta(*words)
            for name, d in sessions.items():
                said = self.last_words(d).decode()
                self.assertRegex(said, rf'^(421|\* BYE).*{text}', name)
            if text == 'disabled':
                self.system.m3mta('mailbox', 'set', CARL, '--enable')
        self.assertEqual(self.system.db.queue.count_documents({}), before)

    def connections(self):
        return self.system.client.admin.command('serverStatus')[
            'connections']['current']

    def test_who_waits_holds_no_connection_and_looks_in_turn(self):
        before = self.connections()
        sessions = [self.imap() for _ in range(30)]
        sessions += [self.smtp() for _ in range(30)]
        wait_for(lambda: self.connections() < before + 30, 60, 'rest')
        peak = 0
        end = time.monotonic() + 8
        while time.monotonic() < end:
            peak = max(peak, self.connections())
            time.sleep(0.05)
        self.assertLess(peak, before + 50)
        for d in sessions[:30]:
            self.assertIn(b'OK', d.imap('n', 'SELECT INBOX'))
        for d in sessions[30:]:
            self.assertIn('250', d.smtp(f'MAIL FROM:<{CARL}>'))

    def test_what_a_login_may_do_is_looked_at_as_well(self):
        s, d = self.system, self.smtp()

        def may(command, code):
            d.smtp('RSET')
            first = d.smtp(f'MAIL FROM:<{command}>')
            answer = d.smtp('RCPT TO:<x@far.example>')
            self.assertRegex(first if first[:1] != '2' else answer, code)

        may(CARL, '^5')
        s.m3mta('mailbox', 'set', CARL, '--may-relay', f'--sender={ANN}')
        may(CARL, '^250')
        may(ANN, '^250')
        s.m3mta('mailbox', 'set', CARL, '--no-relay',
                f'--no-sender={ANN}')
        may(ANN, '^550 5.7.1 That sender')
        may(CARL, '^5')
        s.m3mta('mailbox', 'set', CARL, '--route=mx.far.example')
        may(CARL, '^250')

    def test_disabling_ends_open_sessions(self):
        self.ends('disabled', 'mailbox', 'set', CARL, '--disable')

    def test_a_new_password_ends_open_sessions(self):
        self.ends('password', 'mailbox', 'passwd', CARL,
                  '--password-file=-', data=b'other\n')

    def test_removal_ends_open_sessions(self):
        self.ends('removed', 'mailbox', 'remove', CARL, '--yes')

    def test_other_changes_end_nothing(self):
        d, m = self.imap(), self.smtp()
        self.system.m3mta('mailbox', 'set', CARL, '--quota=1G',
                          '--may-relay', f'--sender={ANN}')
        self.assertIn(b'OK', d.imap('a', 'SELECT INBOX'))
        self.assertIn('250', m.smtp(f'MAIL FROM:<{CARL}>'))

    def test_nothing_of_the_next_holder_of_the_address_is_seen(self):
        s = self.system
        self.addCleanup(s.set, 'auth.look', '0s')
        self.addCleanup(s.write_config)
        s.set('auth.look', '60s')
        s.write_config()
        port = s.serve('m3mta-imap', 'imap')
        commands = ('LIST "" *', f'SELECT "Other Users/{BOB}/Plans"',
                    f'STATUS "Other Users/{BOB}/Plans" (MESSAGES)',
                    f'MYRIGHTS "Other Users/{BOB}/Plans"', 'GETQUOTA ""',
                    'GETQUOTAROOT INBOX', 'SELECT INBOX', 'FETCH 1 FLAGS')
        sessions = []
        for _ in commands:
            d = self.dialog('m3mta-imap', port=port)
            d.line()
            d.imap('l', f'LOGIN {CARL} secret')
            sessions.append(d)
        s.m3mta('mailbox', 'remove', CARL, '--yes')
        s.add_mailbox(CARL, '--quota=77M', password='new')
        bob = self.imap(BOB)
        bob.imap('a', 'CREATE Plans')
        bob.imap('b', 'APPEND Plans {17+}\r\nSubject: x\r\n\r\nx\r\n')
        self.assertIn(b'b OK', bob.imap('b', f'SETACL Plans {CARL} lrswi'))
        for d, command in zip(sessions, commands):
            answer = d.imap('c', command)
            for text in (b'Plans"', b'MESSAGES 1', b'QUOTA ', b'EXISTS',
                         b'MYRIGHTS "'):
                self.assertNotIn(text, answer.replace(
                    b'NO [', b''), command)
        bob.imap('z', 'DELETE Plans')

    def test_no_command_costs_a_look_more(self):
        """Once in auth.look, not with each command."""
        s = self.system
        self.addCleanup(s.set, 'auth.look', '0s')
        self.addCleanup(s.write_config)
        s.set('auth.look', '60s')
        s.write_config()
        port = s.serve('m3mta-imap', 'imap')
        d = self.dialog('m3mta-imap', port=port)
        d.line()
        d.imap('l', f'LOGIN {CARL} secret')
        d.imap('s', 'SELECT INBOX')
        s.db.command('profile', 2)
        try:
            for _ in range(20):
                self.assertIn(b'OK', d.imap('n', 'NOOP'))
            looks = s.db['system.profile'].count_documents(
                {'ns': f'{s.name}.mailboxes'})
        finally:
            s.db.command('profile', 0)
            s.db['system.profile'].drop()
        self.assertEqual(looks, 0)


class Removal(AccountTest):
    settings = {'auth__look': '60s'}

    def busy(self, d, n):
        """Makes what hangs on a mailbox until the session ends."""
        commands = ('CREATE x{0}', 'SUBSCRIBE y{0}',
                    'SETMETADATA "" (/private/k{0} "v")',
                    'APPEND x{0} {{17+}}\r\nSubject: x\r\n\r\nx\r\n',
                    'SETMETADATA x{0} (/private/k "v")',
                    f'SETACL x{{0}} {BOB} lr', 'RENAME x{0} z/{0}')
        try:
            for i in range(10000):
                for command in commands:
                    text = d.imap('c', command.format(f'{n}.{i}'))
                    if not text or b'* BYE' in text:
                        return
                    if self.is_removed and b'mailbox is gone' in text:
                        return
        except OSError:
            pass

    def test_nothing_is_left_behind_by_sessions_at_work(self):
        s = self.system
        s.m3mta('acl', 'set', BOB, 'INBOX', CARL, 'lrswi')
        for _ in range(2):
            self.is_removed = False
            sessions = [self.imap() for _ in range(3)]
            d = self.imap()
            for name in ('Drafts', 'Sent', 'Junk', 'Trash', 'Archive'):
                for _ in range(30):
                    d.imap('a', f'APPEND {name} {{17+}}\r\n'
                           'Subject: x\r\n\r\nx\r\n')
            threads = [threading.Thread(target=self.busy, args=(d, n))
                       for n, d in enumerate(sessions)]
            for t in threads:
                t.start()
            wait_for(lambda: s.db.folders.count_documents(
                {'name': {'$regex': '^z/'}}) > 5, 30, 'sessions at work')
            s.m3mta('mailbox', 'remove', CARL, '--yes')
            self.is_removed = True
            for t in threads:
                t.join(60)
                self.assertFalse(t.is_alive())
            s.verify()
            for name in ('folders', 'annotations', 'shares'):
                left = [x for x in s.db[name].find()
                        if x['owner'] not in s.db.mailboxes.distinct('owner')]
                self.assertEqual(left, [], name)
            s.add_mailbox(CARL)

    def test_a_removal_that_died_is_told_and_goes_on(self):
        s = self.system
        s.db.mailboxes.update_one({'_id': CARL}, {'$set': {'removed': True}})
        done = s.run([s.binary('m3mta'), '-c', s.config, 'verify'], code=1)
        self.assertIn(b'mailbox-removal', done.stdout)
        # It does not come back half empty.
        s.m3mta('mailbox', 'set', CARL, '--enable', code=1)
        s.m3mta('mailbox', 'remove', CARL, '--yes')
        s.verify()

    def test_it_tells_what_leads_there(self):
        s = self.system
        s.m3mta('alias', 'add', 'al@example.org', CARL, BOB)
        s.m3mta('list', 'add', 'li@example.org', f'--owner={BOB}', CARL)
        s.m3mta('catchall', 'add', 'example.org', CARL)
        done = s.run([s.binary('m3mta'), '-c', s.config, 'mailbox', 'remove',
                      CARL, '--yes'])
        for text in (b'alias al@example.org', b'list li@example.org',
                     b'alias *@example.org'):
            self.assertIn(text, done.stderr)
        for name in ('al@example.org', 'li@example.org', '*@example.org'):
            done = s.run([s.binary('m3mta'), '-c', s.config, 'alias',
                          'remove', name])
            self.assertEqual(done.stderr, b'')


class Commands(AccountTest):
    def start(self, *words):
        """A command that waits for its standard input."""
        s = self.system
        process = subprocess.Popen(
            [s.binary('m3mta'), '-c', s.config, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.addCleanup(process.kill)
        # It has read the document when it reads standard input.
        wait_for(lambda: self.reads(process.pid), 20, 'a read')
        return process

    @staticmethod
    def reads(pid):
        with open(f'/proc/{pid}/wchan') as f:
            return 'pipe' in f.read()

    def mailbox(self):
        return self.system.db.mailboxes.find_one({'_id': CARL})

    def test_changes_at_the_same_time_are_both_kept(self):
        p = self.start('mailbox', 'passwd', CARL, '--password-file=-')
        self.system.m3mta('mailbox', 'set', CARL, '--disable', '--quota=5M',
                          '--may-relay', '--admin', f'--sender={ANN}')
        old = self.mailbox()['password']
        p.communicate(b'other\n', timeout=60)
        self.assertEqual(p.returncode, 0)
        now = self.mailbox()
        self.assertNotEqual(now['password'], old)
        self.assertTrue(now['disabled'] and now['may_relay'] and now['admin'])
        self.assertEqual(now['size']['maximum'], 5 << 20)
        self.assertEqual(now['senders'], [ANN])

    def test_a_command_does_not_reach_the_next_holder(self):
        p = self.start('mailbox', 'passwd', CARL, '--password-file=-')
        self.system.m3mta('mailbox', 'remove', CARL, '--yes')
        self.system.add_mailbox(CARL, password='mine')
        old = self.mailbox()
        p.communicate(b'stolen\n', timeout=60)
        self.assertEqual(p.returncode, 1)
        self.assertEqual(self.mailbox(), old)

    def test_senders_are_added_to_those_that_are_there(self):
        p = self.start('mailbox', 'set', CARL, f'--sender={ANN}',
                       '--route-password-file=-')
        self.system.m3mta('mailbox', 'set', CARL, f'--sender={BOB}')
        p.communicate(b'x\n', timeout=60)
        self.system.m3mta('mailbox', 'set', CARL, f'--sender={BOB}')
        self.assertEqual(sorted(self.mailbox()['senders']), [ANN, BOB])

    def test_changes_of_a_domain_are_both_kept(self):
        s = self.system
        s.m3mta('domain', 'add', 'b.example', '--tls=must')
        p = self.start('domain', 'set', 'b.example', '--route=a.example',
                       '--route-password-file=-')
        s.m3mta('domain', 'set', 'b.example', '--disable', '--max-size=5M')
        p.communicate(b'x\n', timeout=60)
        d = s.db.domains.find_one({'_id': 'b.example'})
        self.assertEqual((d['disabled'], d['max_size'], d['tls'], d['route'],
                          d['route_password']),
                         (True, 5 << 20, 'must', 'a.example', 'x'))

    def test_a_new_password_is_the_only_one(self):
        s = self.system
        d = self.dialog('m3mta-imap', port=self.imap_port)
        d.line()
        s.m3mta('mailbox', 'passwd', CARL, '--password-file=-', data=b'two\n')
        self.assertIn(b'NO', d.imap('a', f'LOGIN {CARL} secret'))
        self.assertIn(b'OK', d.imap('a', f'LOGIN {CARL} two'))
        shown = s.m3mta_json('mailbox', 'passwd', CARL)
        d = self.dialog('m3mta-imap', port=self.imap_port)
        d.line()
        self.assertIn(b'NO', d.imap('a', f'LOGIN {CARL} two'))
        self.assertIn(b'OK', d.imap(
            'a', f'LOGIN {CARL} {shown["password"]}'))
        s.m3mta('mailbox', 'passwd', 'nobody@example.org', code=1)
        s.m3mta('alias', 'add', 'al@example.org', CARL)
        s.m3mta('mailbox', 'passwd', 'al@example.org', code=1)
        s.m3mta('alias', 'remove', 'al@example.org')

    def test_quotas_that_cannot_be_kept_are_refused(self):
        s = self.system
        for size in (1 << 63, (1 << 64) - 1, '9999999999G'):
            s.m3mta('mailbox', 'set', CARL, f'--quota={size}', code=64)
            s.m3mta('mailbox', 'add', 'd@example.org', f'--quota={size}',
                    '--no-password', code=64)
            s.m3mta('domain', 'set', 'example.org', f'--max-size={size}',
                    code=64)
        s.m3mta('mailbox', 'set', CARL, f'--quota={(1 << 63) - 1}')
        self.assertEqual(self.mailbox()['size']['maximum'], (1 << 63) - 1)

    def test_a_set_without_an_option_is_a_mistake(self):
        self.system.m3mta('mailbox', 'set', CARL, code=64)
        self.system.m3mta('domain', 'set', 'example.org', code=64)


class Scram(LiveTest):
    settings = {'auth__look': '3s', 'imap__auth__plain_no_tls': True}

    def test_a_slow_exchange_is_no_way_past_the_look(self):
        s = self.system
        s.add_domain()
        s.add_mailbox(CARL)

        def b64(text):
            return base64.b64encode(text.encode()).decode()

        d = self.dialog('m3mta-imap')
        d.line()
        first = f'n={CARL},r=abc'
        d.send(f'a AUTHENTICATE SCRAM-SHA-256 {b64("n,," + first)}\r\n')
        server = base64.b64decode(d.line()[2:]).decode()
        r, salt, i = (x[2:] for x in server.split(','))
        s.m3mta('mailbox', 'set', CARL, '--disable')
        time.sleep(3.5)
        last = f'c=biws,r={r}'
        salted = hashlib.pbkdf2_hmac(
            'sha256', b'secret', base64.b64decode(salt), int(i))
        key = hmac.digest(salted, b'Client Key', 'sha256')
        sign = hmac.digest(hashlib.sha256(key).digest(),
                           f'{first},{server},{last}'.encode(), 'sha256')
        proof = bytes(x ^ y for x, y in zip(key, sign))
        d.send(b64(f'{last},p={base64.b64encode(proof).decode()}') + '\r\n')
        answer = d.line()
        if answer[:1] == b'+':
            d.send('\r\n')
            answer = d.line()
        self.assertIn(b'a OK', answer)
        self.assertIn(b'* BYE', d.imap('b', 'SELECT INBOX'))


class NoScram(LiveTest):
    settings = {'auth__scram': False}

    def test_no_scram_keys_are_kept_and_none_are_offered(self):
        s = self.system
        s.add_domain()
        s.add_mailbox(CARL)
        self.assertNotIn('scram', s.db.mailboxes.find_one({'_id': CARL}))
        # Keys of an older password go with the next one.
        s.db.mailboxes.update_one({'_id': CARL}, {'$set': {
            'scram': {'iterations': 4096}}})
        s.m3mta('mailbox', 'passwd', CARL, '--password-file=-',
                data=b'secret\n')
        self.assertNotIn('scram', s.db.mailboxes.find_one({'_id': CARL}))
        d = self.dialog('m3mta-imap')
        self.assertNotIn(b'SCRAM', d.line())
        self.assertNotIn(b'SCRAM', d.imap('a', 'CAPABILITY'))
        self.assertIn(b'a NO', d.imap('a', 'AUTHENTICATE SCRAM-SHA-256'))
        self.assertIn(b'a OK', d.imap('a', f'LOGIN {CARL} secret'))
        d = self.dialog('m3mta-smtp', '--role', 'submission')
        d.reply()
        d.send('EHLO x.example\r\n')
        text = ' '.join(d.reply())
        self.assertIn('AUTH PLAIN LOGIN', text)
        self.assertNotIn('SCRAM', text)
        self.assertIn('504', d.smtp('AUTH SCRAM-SHA-256 biwsbj1hLHI9eA=='))


if __name__ == '__main__':
    unittest.main()
