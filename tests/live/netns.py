"""Network namespaces for the tests: hosts of their own on one machine, as
containers are: also with numbers of processes that others have too. Each
has a veth pair to here with a network of four addresses in 198.18.0.0/15
(RFC 2544: for tests); all reach `address`, ours on the first pair."""
import ctypes
import os
import random
import re
import socket
import subprocess
import threading


def ip(*words):
    done = subprocess.run(['ip', *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError(
            f'ip {" ".join(words)}: {done.stdout.decode().strip()}\n'
            'This test makes network namespaces: it needs root (with '
            'CAP_SYS_ADMIN and CAP_NET_ADMIN) and iproute2.')
    return done.stdout.decode()


def free_network():
    """The third octet of 198.18.x.0/24 that nobody has here."""
    used = set(re.findall(r'198\.18\.(\d+)\.', ip('-4', 'address')))
    return random.choice([n for n in range(1, 255) if str(n) not in used])


class Hosts:
    """`with Hosts(2) as hosts:` then hosts.argv(0, ['program'])."""

    def __init__(self, count):
        self.tag = f'm3t{os.urandom(3).hex()}'
        self.count = count
        self.made = []

    def __enter__(self):
        try:
            self.network = f'198.18.{free_network()}.'
            self.address = self.network + '1'
            for n in range(self.count):
                self.make(n)
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self, n):
        name = f'{self.tag}{n}'
        ours, theirs = (self.network + str(4 * n + x) for x in (1, 2))
        ip('netns', 'add', name)
        self.made.append(name)
        ip('link', 'add', f'{name}h', 'type', 'veth', 'peer', 'name',
           'eth0', 'netns', name)
        ip('address', 'add', f'{ours}/30', 'dev', f'{name}h')
        ip('link', 'set', f'{name}h', 'up')
        inside = ('-n', name)
        ip(*inside, 'link', 'set', 'lo', 'up')
        ip(*inside, 'address', 'add', f'{theirs}/30', 'dev', 'eth0')
        ip(*inside, 'link', 'set', 'eth0', 'up')
        ip(*inside, 'route', 'add', 'default', 'via', ours)

    def __exit__(self, *unused):
        for name in self.made:
            # Its end of the pair goes with it, and ours with that.
            subprocess.run(['ip', 'netns', 'delete', name],
                           stderr=subprocess.DEVNULL)
        self.made = []

    def address_of(self, n):
        return self.network + str(4 * n + 2)

    def listen(self, n, port=0):
        """A listening socket on host n, for us to accept on."""
        done = []

        def enter():
            # Only this thread goes there; a socket stays where it was made.
            with open(f'/run/netns/{self.tag}{n}') as f:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(f.fileno(), 0x40000000) == 0:  # CLONE_NEWNET
                    done.append(socket.create_server(('0.0.0.0', port)))
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return done[0]

    def argv(self, n, argv):
        """The command on host n, which also has a name of its own; when it
        is killed, all that it started are."""
        name = f'{self.tag}{n}'
        return ['ip', 'netns', 'exec', name, 'unshare', '--uts', '--pid',
                '--fork', '--kill-child', '--mount-proc', 'sh', '-c',
                'hostname "$0" && exec "$@"', name, *argv]
