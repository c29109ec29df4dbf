/*
 * Functions that this project does not use. every C file includes this file
 * last, so that a use of one of them does not compile. Each line's comment
 * names what to use instead. Include it after the system's headers.
 */
#ifndef M3_BASE_BANNED_H
#define M3_BASE_BANNED_H

#pragma GCC poison strcpy strcat strncpy strncat   /* struct str, buf */
#undef sprintf  /* macros in clang's fortified stdio.h */
#undef vsprintf
#pragma GCC poison sprintf vsprintf gets           /* buf_printf, snprintf */
#pragma GCC poison strtok strtok_r                 /* str_split_char */
#pragma GCC poison atoi atol atoll                 /* num_parse_u64 */
#pragma GCC poison gmtime localtime ctime asctime  /* text/date.h */
#pragma GCC poison mktemp system popen setjmp      /* none */
#pragma GCC poison scanf sscanf fscanf             /* a parser */
/* Macros of ctype.h, which the driver's headers include. */
#undef isalpha
#undef isdigit
#undef isalnum
#undef isspace
#undef isprint
#undef isupper
#undef islower
#undef toupper
#undef tolower
#pragma GCC poison isalpha isdigit isalnum isspace isprint isupper islower
#pragma GCC poison toupper tolower strcasecmp strncasecmp /* base/ascii.h */
#pragma GCC poison rand srand random signal        /* base/rnd.h, sigaction */

#endif
