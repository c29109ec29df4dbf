/*
 * The arguments of a command (RFC 3501 9, RFC 9051 9) as a tree: atoms,
 * strings, lists. The session reads lines and literals; this only parses
 * what was read, so that it can be tested and fuzzed without a connection.
 */
#ifndef M3_IMAP_ARGS_H
#define M3_IMAP_ARGS_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/vec.h"

enum arg_type {
	ARG_ATOM,   /* also numbers, NIL, \Flag, BODY[...]<...>, wildcards */
	ARG_STRING, /* quoted */
	ARG_LITERAL,
	ARG_LIST,
};

struct arg {
	enum arg_type type;
	struct str s;          /* of all but lists; unescaped */
	bool is_literal8;      /* ~{n} */
	const struct arg *v;   /* of a list */
	size_t n;
};

/* A line without its CRLF and without the literal's {n}, then the literal. */
struct command_piece {
	struct str line;
	bool has_literal;
	bool is_literal8;
	struct str literal;
};

struct command_text {
	struct str tag;
	struct str name;       /* without "UID" */
	bool is_uid;
	const struct arg *args;
	size_t n;
};

/*
 * Parses all pieces. NULL, or what is wrong, for a BAD; ret->tag is set as
 * soon as it was read (else STR_NONE: the answer's tag is "*"). Quoted strings
 * may be UTF-8, also before ENABLE: go-imap and others send it to a server
 * that offers IMAP4rev2. Gives up when the arena is over
 * its limit; without one it takes some 50 octets for each of the input.
 */
const char *command_parse(struct arena *a, const struct command_piece *v,
    size_t n, struct command_text *ret);

enum literal_kind {
	LITERAL_NONE,
	LITERAL_SYNC,     /* {n} */
	LITERAL_NONSYNC,  /* {n+} */
	LITERAL_BAD,      /* looks like one, but is none */
	LITERAL_LOST,     /* as that, and octets of unknown number follow */
};

struct literal_spec {
	enum literal_kind kind;
	bool is_literal8;
	uint64_t size;
	struct str before; /* the line without it */
};

/* What a line ends with. */
struct literal_spec literal_of(struct str line);

/* Tag, name and is_uid alone; no argument is read. Errors as above. */
const char *command_parse_name(struct str line, struct command_text *ret);

/* Atom, string or literal; false: a list. */
bool arg_is_text(const struct arg *a);
bool arg_is_atom(const struct arg *a, struct str word); /* any case */
/* An astring or NIL (STR_NONE). */
bool arg_is_nil(const struct arg *a);

#endif
