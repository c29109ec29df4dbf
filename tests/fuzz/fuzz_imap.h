/*
 * For the fuzz targets of IMAP: octets to the pieces of a command, as the
 * session reads them, and printing of arguments.
 */
#ifndef M3_TESTS_FUZZ_IMAP_H
#define M3_TESTS_FUZZ_IMAP_H

#include "fuzz.h"
#include "imap/args.h"

struct fuzz_pieces {
	const struct command_piece *v;
	size_t n;
};

/* Lines end with LF or CRLF; a literal that is cut short ends the command. */
static inline struct fuzz_pieces
fuzz_pieces(struct arena *a, struct str rest)
{
	VEC(struct command_piece) pieces = { 0 };
	bool has_literal = true;

	while (has_literal) {
		struct command_piece *p = VEC_ADD(a, &pieces);
		struct str line = fuzz_line(&rest);
		struct literal_spec l;

		if (str_ends_with(line, STR("\r")))
			line.len--;
		l = literal_of(line);
		CHECK(fuzz_is_inside(l.before, line));
		has_literal = (l.kind == LITERAL_SYNC ||
				  l.kind == LITERAL_NONSYNC) &&
		    l.size <= rest.len;
		p->line = has_literal ? l.before : line;
		p->has_literal = has_literal;
		p->is_literal8 = has_literal && l.is_literal8;
		if (has_literal) {
			p->literal = str_slice(rest, 0, (size_t)l.size);
			rest = str_tail(rest, (size_t)l.size);
		}
	}
	return (struct fuzz_pieces){ pieces.v, pieces.n };
}

/* Copies into arrays without room at their end, so that ASan sees it. */
static inline const struct arg *
fuzz_exact(struct arena *a, const struct arg *v, size_t n)
{
	struct arg *copy = ARENA_ARRAY(a, n, struct arg);
	size_t i;

	for (i = 0; i < n; i++) {
		copy[i] = v[i];
		copy[i].v = fuzz_exact(a, v[i].v, v[i].n);
	}
	return copy;
}

/* The arguments of "a FETCH " and the text; false: they are no arguments. */
static inline bool
fuzz_args(struct arena *a, struct str text,
    struct command_text *ret_command)
{
	struct fuzz_pieces p =
	    fuzz_pieces(a, arena_join(a, STR("a FETCH "), text));

	if (command_parse(a, p.v, p.n, ret_command) != NULL)
		return false;
	ret_command->args = fuzz_exact(a, ret_command->args, ret_command->n);
	return true;
}

#endif
