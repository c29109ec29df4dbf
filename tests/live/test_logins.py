"""Failed logins over time: a right password is not held up by others' wrong
ones, the same wrong one counts once, and guessing is bounded, by user and by
network, also for one who has a mailbox here."""
import base64
import datetime
import hashlib
import hmac
import os
import re
import time
import unittest

from harness import LiveTest
from piped import Piped

# And over a limit one more in each window / limit, so one in these tests.
OFTEN = ('limit.logins.source=6/15m', 'limit.logins.user=4/15m',
         'limit.logins.free=0/15m')
HELLO = 'EHLO me.example'


def b64(text):
    return base64.b64encode(
        text if isinstance(text, bytes) else text.encode()).decode()


class Base(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        for who in ('ann', 'bob', 'eve'):
            cls.system.add_mailbox(f'{who}@example.org')

    def setUp(self):
        super().setUp()
        self.system.db.limits.delete_many({})

    def smtp(self, *settings, peer='192.0.2.7'):
        options = [x for s in settings for x in ('-o', s)]
        d = Piped(self.system, ('--ucspi', *options),
                  {'TCPREMOTEIP': peer})
        self.addCleanup(d.close)
        d.reply()
        d.smtp(HELLO)
        return d

    def login(self, who, password, *settings, peer='192.0.2.7'):
        d = self.smtp(*settings, peer=peer)
        return d.smtp('AUTH PLAIN ' + b64(
            f'\0{who}@example.org\0{password}'))[:3]

    def counter(self, kind):
        found = self.system.db.limits.find_one(
            {'_id': re.compile('^login ' + kind)})
        return (found or {}).get('failed', 0)



class Logins(Base):

    def test_the_same_wrong_password_counts_once(self):
        for _ in range(8):
            self.assertEqual(self.login('ann', 'old', *OFTEN), '535')
        for kind in ('network', 'user', 'pair'):
            self.assertEqual(self.counter(kind), 1, kind)
        self.assertEqual(self.login('ann', 'older', *OFTEN), '535')
        self.assertEqual(self.login('eve', 'old', *OFTEN), '535')
        self.assertEqual(self.counter('network'), 3)

    def test_a_right_password_does_not_wait_for_wrong_ones(self):
        slow = ('limit.logins.free=1/15m', 'limit.logins.delay=60s')
        for n in range(7):
            d = self.smtp(*slow)
            d.send('AUTH PLAIN ' + b64(f'\0ann@example.org\0{n}') + '\r\n')
            self.addCleanup(d.process.kill)  # it would wait for its answer
            if n < 3:
                begin = time.monotonic()
                self.assertEqual(d.reply()[0][:3], '535')
                self.assertGreater(time.monotonic() - begin,
                                   (0, 0.2, 0.4)[n])
        # By now a failure waits for eight seconds and more.
        begin = time.monotonic()
        for who in ('bob', 'ann', 'bob'):
            self.assertEqual(self.login(who, 'secret', *slow), '235')
        self.assertEqual(
            self.login('ann', 'secret', *slow, peer='198.51.100.1'), '235')
        self.assertLess(time.monotonic() - begin, 8)

    def test_a_good_login_takes_its_own_failures_back(self):
        for n in range(3):
            self.login('ann', str(n), *OFTEN)
        self.login('eve', 'x', *OFTEN)
        self.assertEqual(self.login('ann', 'secret', *OFTEN), '235')
        self.assertEqual(self.counter('network'), 1)
        self.assertEqual(self.counter('user ann'), 0)
        self.assertEqual(self.counter('user eve'), 1)

    def test_who_logged_in_there_of_late_is_not_held_up_by_neighbours(self):
        self.assertEqual(self.login('bob', 'secret', *OFTEN), '235')
        for n in range(7):
            self.login(f'user{n}', 'x', *OFTEN, peer=f'192.0.2.{n}')
        self.assertEqual(self.login('eve', 'secret', *OFTEN), '454')
        self.assertEqual(self.login('bob', 'secret', *OFTEN), '235')

    def test_who_logged_in_there_of_late_is_not_held_up_by_the_world(self):
        self.assertEqual(self.login('ann', 'secret', *OFTEN), '235')
        for n in range(5):
            self.login('ann', str(n), *OFTEN, peer=f'198.51.{n}.1')
        self.assertEqual(
            self.login('ann', 'secret', *OFTEN, peer='203.0.113.1'), '454')
        self.assertEqual(self.login('ann', 'secret', *OFTEN), '235')

    def test_exempt_networks_are_not_counted(self):
        exempt = OFTEN + ('limit.logins.exempt=192.0.2.0/24',)
        for n in range(8):
            self.assertEqual(self.login('ann', str(n), *exempt), '535')
        self.assertEqual(self.login('ann', 'secret', *exempt), '235')
        self.assertEqual(self.system.db.limits.count_documents({}), 0)

    def next_turn(self, what):
        """The pause of those over this limit is over, their window is not."""
        done = self.system.db.limits.update_many(
            {'_id': re.compile('^login over login ' + what)},
            {'$set': {'until': datetime.datetime(2000, 1, 1)}})
        self.assertEqual(done.matched_count, 1)

    def test_who_is_new_to_a_network_over_its_limit_gets_in_by_and_by(self):
        for n in range(7):
            self.login(f'user{n}', 'x', *OFTEN)
        self.assertEqual(self.login('eve', 'secret', *OFTEN), '454')
        self.next_turn('network')
        self.assertEqual(self.login('eve', 'secret', *OFTEN), '235')
        self.assertEqual(self.login('bob', 'secret', *OFTEN), '454')
        self.assertEqual(self.login('eve', 'secret', *OFTEN), '235')

    def test_where_two_limits_hold_a_turn_at_one_is_not_enough(self):
        for n in range(5):
            self.login('ann', str(n), *OFTEN, peer=f'198.51.{n}.1')
        for n in range(7):
            self.login(f'user{n}', 'x', *OFTEN)
        self.next_turn('network')
        self.assertEqual(self.login('ann', 'secret', *OFTEN), '454')
        self.next_turn('network')
        self.next_turn('user')
        self.assertEqual(self.login('ann', 'secret', *OFTEN), '235')

    def test_a_name_cannot_stand_for_the_turn_of_another(self):
        """A key has its kind first, and what the client chose last."""
        for n in range(4):
            self.login('ann', str(n), *OFTEN, peer=f'198.51.{n}.1')
        d = self.smtp(*OFTEN)
        for name in ('over login user ann@example.org',
                     'ann@example.org over'):
            d.smtp('AUTH PLAIN ' + b64(f'\0{name}\0x'))
        self.assertEqual(self.login('ann', 'secret', *OFTEN), '235')

    # --- the attacker's side -----------------------------------------------------

    def guesses(self, tries):
        """How many of (user, network) were tried."""
        answers = [self.login(who, f'guess{n}', *OFTEN, peer=peer)
                   for n, (who, peer) in enumerate(tries)]
        self.assertLessEqual(set(answers), {'535', '454'})
        return answers.count('535')

    def test_guessing_is_bounded_by_network(self):
        self.assertEqual(self.guesses(
            (f'user{n}', f'192.0.2.{n}') for n in range(9)), 7)

    def test_guessing_is_bounded_by_user(self):
        self.assertEqual(self.guesses(
            ('ann', f'198.51.{n}.1') for n in range(7)), 5)

    def test_guessing_is_bounded_where_the_user_is_known(self):
        self.assertEqual(self.login('ann', 'secret', *OFTEN), '235')
        self.assertEqual(self.guesses(
            ('ann', '192.0.2.9') for n in range(7)), 5)

    def test_a_mailbox_of_his_own_does_not_help_an_attacker(self):
        tried = 0
        for n in range(8):
            tried += self.login(f'user{n}', 'guess', *OFTEN) == '535'
            self.login('eve', 'typo', *OFTEN)
            self.login('eve', 'secret', *OFTEN)
        self.assertEqual(tried, 7)

    def test_a_refused_try_is_delayed_and_counts_as_an_error(self):
        slow = ('limit.logins.user=1/15m', 'limit.logins.free=1/15m',
                'limit.logins.delay=1s', 'smtp.limit.errors=4')
        d = self.smtp(*slow)
        begin = time.monotonic()
        answers = [d.smtp('AUTH PLAIN ' + b64(f'\0ann@example.org\0{n}'))
                   for n in range(5)]
        answers += d.reply()    # and it hangs up
        self.assertEqual([a[:3] for a in answers],
                         ['535', '535', '454', '454', '454', '421'])
        self.assertGreater(time.monotonic() - begin, 1)

    def test_the_secret_of_the_hashes_is_not_in_the_database(self):
        self.login('ann', 'hunter2', *OFTEN)
        path = os.path.join(self.system.folder, 'login-secret')
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o440)
        with open(path, 'rb') as f:
            self.assertEqual(len(f.read()), 32)
        pair = self.system.db.limits.find_one({'h': {'$exists': True}})
        self.assertEqual(pair['expires'], pair['until'])
        self.assertLessEqual(pair['h'][0], 1 << 24)
        # Without the secret nothing is known to be the same.
        os.remove(path)
        self.login('ann', 'hunter2', *OFTEN)
        self.assertEqual(self.counter('pair'), 2)


class Scram(Base):
    def first(self, d, name, imap=False):
        """The server's first message."""
        message = b64(f'n,,n={name},r=abcdef')
        if imap:
            d.send(f'a AUTHENTICATE SCRAM-SHA-256 {message}\r\n')
            answer = d.line().decode()
            self.assertEqual(answer[:2], '+ ')
            return base64.b64decode(answer[2:]).decode()
        answer = d.smtp(f'AUTH SCRAM-SHA-256 {message}')
        self.assertEqual(answer[:4], '334 ')
        return base64.b64decode(answer[4:]).decode()

    def salt(self, name):
        d = self.smtp('limit.logins.user=0')
        text = self.first(d, name)
        self.assertEqual(d.smtp('*')[:3], '501')
        return re.search(',s=([^,]*),', text)[1]

    def test_every_spelling_of_a_name_has_one_salt(self):
        for who in ('ann', 'nobody'):
            salts = {self.salt(f'{w}@{domain}')
                     for w in (who, who.upper(), who.title())
                     for domain in ('example.org', 'EXAMPLE.Org')}
            self.assertEqual(len(salts), 1, who)
        self.assertNotEqual(self.salt('x@example.org'),
                            self.salt('y@example.org'))

    def test_an_exchange_that_is_abandoned_is_counted_and_logged(self):
        port = self.system.serve('m3mta-smtp', 'smtp')
        imap = self.system.serve('m3mta-imap', 'imap')
        for n in range(3):
            d = self.dialog('m3mta-smtp', port=port)
            d.reply()
            d.smtp(HELLO)
            self.first(d, f'user{n}@example.org')
            if n == 0:
                d.smtp('*')
            elif n == 1:
                d.smtp('!!!')
            else:
                d.sock.shutdown(1)  # it is gone, in the middle
                d.reply()
        for n in range(3, 6):
            d = self.dialog('m3mta-imap', port=imap)
            d.line()
            self.first(d, f'user{n}@example.org', imap=True)
            if n == 5:
                d.sock.shutdown(1)
            else:
                d.send('*\r\n' if n == 3 else '!!!\r\n')
            d.line()
        self.assertEqual(self.counter('network'), 6)
        logs = self.system.logs()
        for n in range(6):
            self.assertRegex(logs, f'event=login-failed .*user{n}@')

    def test_looking_for_users_is_bounded(self):
        asked = 0
        for n in range(9):
            d = self.smtp(*OFTEN)
            answer = d.smtp('AUTH SCRAM-SHA-256 ' + b64(
                f'n,,n=user{n}@example.org,r=abcdef'))
            if answer[:3] == '334':
                asked += 1
                d.smtp('*')
            else:
                self.assertEqual(answer[:9], '454 4.7.0')
        self.assertEqual(asked, 7)

    def final(self, name, first, password=b'secret'):
        """The client's last message."""
        nonce, salt, rounds = re.match(
            'r=([^,]*),s=([^,]*),i=([0-9]*)$', first).groups()
        salted = hashlib.pbkdf2_hmac('sha256', password,
                                     base64.b64decode(salt), int(rounds))
        key = hmac.digest(salted, b'Client Key', 'sha256')
        final = f'c=biws,r={nonce}'
        text = f'n={name},r=abcdef,{first},{final}'
        signature = hmac.digest(hashlib.sha256(key).digest(), text.encode(),
                                'sha256')
        proof = bytes(x ^ y for x, y in zip(key, signature))
        return b64(f'{final},p={b64(proof)}')

    def finish(self, d, name, first):
        self.assertEqual(d.smtp(self.final(name, first))[:3], '334')
        self.assertEqual(d.smtp('')[:3], '235')

    def test_logins_side_by_side_take_failures_back_once(self):
        """Else who has a mailbox begins anew as often as he likes."""
        eve = 'eve@example.org'
        self.assertEqual(self.login('eve', 'secret', *OFTEN), '235')
        for n in range(2):
            self.login('eve', f'typo{n}', *OFTEN)
            self.login(f'user{n}', 'guess', *OFTEN)
        dialogs = [self.smtp(*OFTEN) for _ in range(3)]
        firsts = [self.first(d, eve) for d in dialogs]
        for d, first in zip(dialogs, firsts):
            self.finish(d, eve, first)
        self.assertEqual(self.counter('network'), 2)
        self.assertEqual(self.counter('user eve'), 0)
        network = self.system.db.limits.find_one(
            {'_id': re.compile('^login network')})
        self.assertEqual(network['n'], 2)

    def test_exchanges_that_begin_together_are_not_more_guesses(self):
        """None has failed yet when the last one begins."""
        answers = []
        for n in range(8):
            d = self.smtp(*OFTEN, peer=f'198.51.{n}.1')
            answers.append(d.smtp('AUTH SCRAM-SHA-256 ' + b64(
                'n,,n=ann@example.org,r=abcdef'))[:3])
        self.assertEqual(answers, ['334'] * 5 + ['454'] * 3)

    def test_a_good_login_by_scram_is_no_failure(self):
        self.assertEqual(self.login('eve', 'x', *OFTEN), '535')
        d = self.smtp(*OFTEN)
        self.finish(d, 'ann@example.org', self.first(d, 'ann@example.org'))
        self.assertEqual(self.counter('user ann'), 0)
        self.assertEqual(self.counter('network'), 1)


class Secrets(LiveTest):
    """What is refused may hold a password: it is wiped like others."""
    settings = {'imap__auth': {'plain_no_tls': False}}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    @staticmethod
    def memory(pid):
        text = b''
        with open(f'/proc/{pid}/maps') as maps, \
                open(f'/proc/{pid}/mem', 'rb') as memory:
            for line in maps:
                m = re.match(r'([0-9a-f]+)-([0-9a-f]+) rw', line)
                if m and '[v' not in line:
                    memory.seek(int(m[1], 16))
                    text += memory.read(int(m[2], 16) - int(m[1], 16))
        return text

    def test_a_refused_authenticate_leaves_no_password(self):
        secret = 'hunter2hunter2hunter2'
        plain = b64(f'\0ann@example.org\0{secret}')
        for command in (f'AUTHENTICATE PLAIN {plain}',
                        f'AUTHENTICATE FOO {plain}',
                        f'AUTHENTICATE SCRAM-SHA-256 {plain}!',
                        f'LOGIN ann@example.org {secret}'):
            with self.subTest(command=command):
                d = self.dialog('m3mta-imap')
                d.line()
                d.imap('a', command)
                memory = self.memory(d.server_pid())
                for form in (secret, plain[:-4], b64(secret)):
                    self.assertNotIn(form.encode(), memory)

    def test_a_refused_auth_leaves_no_password(self):
        secret = 'hunter2hunter2hunter2'
        plain = b64(f'\0ann@example.org\0{secret}')
        for command in (f'AUTH PLAIN {plain}', f'AUTH FOO {plain}',
                        f'AUTH PLAIN {plain}!'):
            for allowed in ('true', 'false'):
                with self.subTest(command=command, allowed=allowed):
                    d = self.dialog('m3mta-smtp', '-o',
                                    f'smtp.auth.plain_no_tls={allowed}')
                    d.reply()
                    d.smtp(HELLO)
                    d.smtp(command)
                    memory = self.memory(d.server_pid())
                    for form in (secret, plain[:-4]):
                        self.assertNotIn(form.encode(), memory)


if __name__ == '__main__':
    unittest.main()
