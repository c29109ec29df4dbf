/*
 * Character classes of US-ASCII, whatever the locale. Bytes of 0x80 and above
 * belong to none of them.
 */
#ifndef M3_BASE_ASCII_H
#define M3_BASE_ASCII_H

#include <stdbool.h>

static inline bool
ascii_is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool
ascii_is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool
ascii_is_alpha(char c)
{
	return ascii_is_upper(c) || ascii_is_lower(c);
}

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

/* SP, TAB, CR, LF. */
static inline bool
ascii_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 5234 WSP: SP, TAB. */
static inline bool
ascii_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* 0x00 to 0x1f and 0x7f. */
static inline bool
ascii_is_cntl(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* 0x21 to 0x7e. */
static inline bool
ascii_is_graph(char c)
{
	return c > 0x20 && c < 0x7f;
}

static inline bool
ascii_is_8bit(char c)
{
	return ((unsigned char)c & 0x80) != 0;
}

static inline char
ascii_lower(char c)
{
	return ascii_is_upper(c) ? (char)(c + ('a' - 'A')) : c;
}

static inline char
ascii_upper(char c)
{
	return ascii_is_lower(c) ? (char)(c - ('a' - 'A')) : c;
}

/* 0 to 15, or -1. */
static inline int
ascii_hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
