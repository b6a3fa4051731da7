/* SPDX-License-Identifier: Apache-2.0 */
#include "env/s3/xml.h"

#include <expat.h>
#include <limits.h>

struct walk {
    XML_Parser parser;
    bool (*end)(void *ctx, const struct wk_s3_xml_element *element);
    void *ctx;
    const char *refused; /* why we stopped the parser; NULL: we did not, or `end` wanted it */
    bool ended_by_caller;
    bool too_long;
    uint32_t depth;
    size_t path_length;
    size_t text_size;
    size_t path_ends[WK_S3_XML_DEPTH_MAX]; /* length of the path before each open element */
    char path[WK_S3_XML_PATH_BYTES_MAX + 1];
    uint8_t text[WK_S3_XML_TEXT_BYTES_MAX + 1];
};

static void stop(struct walk *w, const char *why) {
    if (w->refused == NULL)
        w->refused = why;
    (void)XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes) {
    struct walk *w = arg;
    (void)attributes;
    size_t length = strlen(name);
    size_t slash = w->depth > 0 ? 1 : 0;
    if (w->depth == WK_S3_XML_DEPTH_MAX) {
        stop(w, "elements are nested too deep");
        return;
    }
    if (length > WK_S3_XML_PATH_BYTES_MAX - slash - w->path_length) {
        stop(w, "the names of elements are too long");
        return;
    }
    w->path_ends[w->depth++] = w->path_length;
    if (slash != 0)
        w->path[w->path_length] = '/';
    memcpy(w->path + w->path_length + slash, name, length + 1);
    w->path_length += slash + length;
    w->text_size = 0;
    w->too_long = false;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int length) {
    struct walk *w = arg;
    size_t size = (size_t)length;
    size_t room = WK_S3_XML_TEXT_BYTES_MAX - w->text_size;
    if (size > room) {
        size = room;
        w->too_long = true;
    }
    memcpy(w->text + w->text_size, text, size);
    w->text_size += size;
}

/* Text between two end tags belongs to the outer element; nothing that we read has such text. */
static void XMLCALL on_end(void *arg, const XML_Char *name) {
    struct walk *w = arg;
    (void)name;
    if (w->refused != NULL || w->ended_by_caller)
        return; /* expat still reports the end of an empty element that was refused */
    w->text[w->text_size] = 0;
    const struct wk_s3_xml_element element = {w->path, w->text, w->text_size, w->too_long};
    bool more = w->end(w->ctx, &element);
    w->path_length = w->path_ends[--w->depth];
    w->path[w->path_length] = 0;
    w->text_size = 0;
    w->too_long = false;
    if (!more) {
        w->ended_by_caller = true;
        (void)XML_StopParser(w->parser, XML_FALSE);
    }
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int has_internal_subset) {
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    stop(arg, "a document type is not accepted");
}

static enum wk_status failed(const struct walk *w, struct wk_error *err) {
    enum XML_Error code = XML_GetErrorCode(w->parser);
    if (w->refused == NULL && code == XML_ERROR_NO_MEMORY)
        return wk_fail(err, WK_NO_MEMORY, "no memory for reading XML");
    return wk_fail(err, WK_CORRUPT, "XML, byte %lld: %s",
                   (long long)XML_GetCurrentByteIndex(w->parser),
                   w->refused != NULL ? w->refused : XML_ErrorString(code));
}

enum wk_status wk_s3_xml_walk(struct wk_span xml,
                              bool (*end)(void *ctx, const struct wk_s3_xml_element *element),
                              void *ctx, struct wk_error *err) {
    struct walk w;
    if (xml.size > INT_MAX)
        return wk_fail(err, WK_CORRUPT, "XML: the reply is too large");
    w.end = end;
    w.ctx = ctx;
    w.refused = NULL;
    w.ended_by_caller = w.too_long = false;
    w.depth = 0;
    w.path_length = w.text_size = 0;
    w.parser = XML_ParserCreate(NULL);
    if (w.parser == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for reading XML");
    XML_SetUserData(w.parser, &w);
    XML_SetElementHandler(w.parser, on_start, on_end);
    XML_SetCharacterDataHandler(w.parser, on_text);
    XML_SetStartDoctypeDeclHandler(w.parser, on_doctype);
    enum wk_status status = WK_OK;
    if (XML_Parse(w.parser, (const char *)xml.data, (int)xml.size, 1) != XML_STATUS_OK &&
        !w.ended_by_caller)
        status = failed(&w, err);
    XML_ParserFree(w.parser);
    return status;
}
