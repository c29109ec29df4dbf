"""The other mail system of the campaign: slow, short of patience, cutting
connections before and after its answer. It notes what it accepted."""
import collections
import random
import re
import socket
import threading
import time


class Remote:
    ACTIONS = {'good': 60, 'slow': 12, 'busy': 6, 'cut at mail': 4,
               'cut in data': 4, 'cut before the reply': 5,
               'cut after accepting': 3, 'refuse the data': 6}

    def __init__(self, journal, seed, well=False):
        self.journal = journal
        self.random = random.Random(seed)
        self.well = well
        self.lock = threading.Lock()
        # (message, recipient): times at which it was accepted; those of
        # sessions that were cut here before the sender heard of it.
        self.accepted = collections.defaultdict(list)
        self.unheard = collections.Counter()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        self.listener.close()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.session, args=(sock,),
                             daemon=True).start()

    def session(self, sock):
        with self.lock:
            action = 'good' if self.well else self.random.choices(
                list(self.ACTIONS), list(self.ACTIONS.values()))[0]
        self.journal.count('remote ' + action)
        sock.settimeout(60)
        try:
            self.talk(sock, sock.makefile('rb'), action)
        except OSError:
            pass
        finally:
            sock.close()

    def say(self, sock, action, text):
        if action == 'slow':
            time.sleep(0.7)
        sock.sendall(text.encode() + b'\r\n')

    def talk(self, sock, file, action):
        if action == 'busy':
            return self.say(sock, '', '421 4.3.2 busy')
        self.say(sock, action, '220 far.test ESMTP')
        recipients = []
        while line := file.readline():
            verb = line[:4].upper()
            if verb == b'EHLO':
                self.say(sock, action, '250-far.test\r\n250 PIPELINING')
            elif verb == b'MAIL':
                recipients = []
                if action == 'cut at mail':
                    return
                self.say(sock, action, '250 2.1.0 ok')
            elif verb == b'RCPT':
                who = re.search(rb'<(.*?)>', line).group(1).decode()
                if who.startswith('bad'):
                    self.say(sock, action, '550 5.1.1 no such user')
                else:
                    recipients.append(who)
                    self.say(sock, action, '250 2.1.5 ok')
            elif verb == b'DATA':
                if not self.data(sock, file, action, recipients):
                    return
            elif verb == b'QUIT':
                return self.say(sock, action, '221 2.0.0 bye')
            else:
                self.say(sock, action, '250 2.0.0 ok')

    def data(self, sock, file, action, recipients):
        """False: the session is over."""
        if not recipients:
            self.say(sock, action, '554 5.5.1 no recipients')
            return True
        self.say(sock, action, '354 go')
        subject = None
        n = 0
        while (line := file.readline()) != b'.\r\n':
            n += 1
            if not line or action == 'cut in data' and n > 8:
                return False
            if not subject and line.startswith(b'Subject: '):
                subject = line[9:].strip().decode()
        if action == 'refuse the data':
            self.say(sock, action, '451 4.3.0 later')
            return True
        if action == 'cut before the reply':
            return False
        with self.lock:
            for who in recipients:
                self.accepted[subject, who].append(self.journal.now())
                if action == 'cut after accepting':
                    self.unheard[subject, who] += 1
        if action == 'cut after accepting':
            return False
        self.say(sock, action, '250 2.0.0 ok')
        return True
