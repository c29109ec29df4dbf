/*
 * The directory: domains, and the addresses in them (mailboxes, aliases,
 * lists, catch-alls). Plain structs; db/domains.h and db/mailboxes.h read
 * and write them. Slices live in the arena that the reader was given.
 */
#ifndef M3_MODEL_DIRECTORY_H
#define M3_MODEL_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/id.h"

enum domain_delivery {
	DOMAIN_LOCAL,  /* its mailboxes are here */
	DOMAIN_BACKUP, /* we are a backup MX: queue and relay to better MX hosts */
	DOMAIN_RELAY,  /* always handed to `route` */
};

enum tls_policy { TLS_MAY, TLS_NEVER, TLS_MUST, TLS_VERIFY };

struct domain {
	struct str name;       /* lower case, A-labels */
	enum domain_delivery delivery;
	struct str postmaster; /* address; "" = the first postmaster@ found */
	struct str route;      /* "host", "host:port", "[v6]:port", "lmtp:..." */
	struct str route_login;
	struct str route_password;
	enum tls_policy tls;   /* when we send to this domain */
	uint64_t max_size;     /* octets of one message, 0 = the global limit */
	bool disabled;
};

enum address_kind {
	ADDRESS_MAILBOX,
	ADDRESS_ALIAS, /* destinations instead of it */
	ADDRESS_LIST,  /* destinations, envelope sender becomes list_owner */
};

/* SCRAM-SHA-256 keys (RFC 5802 3). iterations 0: there are none. */
struct scram_keys {
	uint32_t iterations;
	struct str salt;       /* raw octets */
	uint8_t stored_key[32];
	uint8_t server_key[32];
};

struct mailbox {
	struct str address;    /* the key, "*@domain" for a catch-all */
	enum address_kind kind;
	bool disabled;
	struct uuid owner;     /* of a mailbox: never changes */
	struct str password;   /* crypt(5) yescrypt string; "" = no login */
	struct scram_keys scram;
	int64_t credentials;   /* rises with each new password */
	uint64_t size_current; /* octets stored */
	uint64_t size_maximum; /* 0 = no limit */
	bool may_relay;        /* a login may send to other domains */
	struct str route;      /* its own relay for what it sends, as domain's */
	struct str route_login;
	struct str route_password;
	const struct str *destinations; /* alias, list: addresses */
	size_t n_destinations;
	const struct str *senders;      /* further addresses it may send as */
	size_t n_senders;
	struct str list_owner;
	struct str list_id;
	bool admin;            /* a postmaster who may use command mails */
};

#endif
