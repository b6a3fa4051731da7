/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded walk over an XML reply, which is hostile input: expat does the reading, this the
 * limits.
 *
 *   bytes -> expat -> path of open elements + text of the innermost -> `end`, once per element
 *
 * No DTD is accepted, hence no entities but the five of XML itself; nothing outside the bytes is
 * ever read. Depth, names and texts are bounded. The memory is expat's (malloc), freed on return.
 */
#ifndef WK_ENV_S3_XML_H
#define WK_ENV_S3_XML_H

#include "base/span.h"
#include "base/status.h"

/* An element that ended. */
struct wk_s3_xml_element {
    const char *path; /* names from the root, such as "ListBucketResult/Contents/Key" */
    uint8_t *text;    /* its own characters; may be changed in place; terminated */
    size_t size;
    bool too_long; /* there were more than WK_S3_XML_TEXT_BYTES_MAX; text holds the first */
};

/*
 * Calls `end` for every element in the order of the end tags; it returns false to stop, which is
 * not an error. WK_CORRUPT: not well-formed, a DTD, too deep, or empty. WK_NO_MEMORY.
 */
WK_MUST_CHECK enum wk_status
wk_s3_xml_walk(struct wk_span xml, bool (*end)(void *ctx, const struct wk_s3_xml_element *element),
               void *ctx, struct wk_error *err);

#endif
