# Source mutants of C files: one small change in one line each.
#
#   awk -f scripts/mutants.awk FILE.c...
#
# One tab-separated line for each mutant: file, line number, kind, the line as it becomes. Works on
# lines, not on a syntax tree; what does not compile is the caller's to skip. It relies on the
# repository's format: one statement a line, a blank around every binary operator. Comments,
# strings, preprocessor lines and places that only observe (WK_MARK, prefetches) stay as they are.

FNR == 1 {
    in_comment = continued = 0
    before = ""
}

# The line with the inside of comments, strings and character constants blanked out, so that
# places in it are places in the line.
function mask(line,    out, i, c, quote) {
    out = ""
    quote = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (in_comment) {
            if (substr(line, i, 2) == "*/") {
                in_comment = 0
                out = out " "
                i++
            }
            out = out " "
        } else if (quote != "") {
            if (c == "\\") {
                out = out "_"
                i++
            } else if (c == quote)
                quote = ""
            out = out "_"
        } else if (substr(line, i, 2) == "/*") {
            in_comment = 1
            out = out "  "
            i++
        } else if (substr(line, i, 2) == "//") {
            while (i++ <= length(line))
                out = out " "
        } else {
            if (c == "\"" || c == "'")
                quote = c
            out = out (quote == "" ? c : "_")
        }
    }
    return out
}

function emit(kind, line) {
    print FILENAME "\t" FNR "\t" kind "\t" line
}

# Puts `text` where `count` characters are.
function replaced(at, count, text) {
    return substr($0, 1, at - 1) text substr($0, at + count)
}

# Every place of the fixed string `from`, one mutant each.
function swap(kind, from, to,    at, rest, base) {
    base = 0
    rest = masked
    while ((at = index(rest, from)) > 0) {
        emit(kind, replaced(base + at, length(from), to))
        base += at + length(from) - 1
        rest = substr(masked, base + 1)
    }
}

# The place of the bracket that closes the one at `open`, or 0.
function closing(open,    i, c, depth) {
    depth = 0
    for (i = open; i <= length(masked); i++) {
        c = substr(masked, i, 1)
        depth += (c == "(") - (c == ")")
        if (depth == 0)
            return i
    }
    return 0
}

# Says whether the condition is one comparison, of which the swap would be the same mutant.
function flip_branch(    open, close_at, condition) {
    if (!match(masked, /^ *(} else )?if \(/))
        return 0
    open = RLENGTH
    close_at = closing(open)
    if (close_at == 0)
        return 0
    condition = substr(masked, open + 1, close_at - open - 1)
    emit("branch", substr($0, 1, open) "!(" substr($0, open + 1, close_at - open - 1) ")" \
        substr($0, close_at))
    return condition ~ / [=!]= / && condition !~ / (&&|\|\|) /
}

# Decimal and hexadecimal numbers with their suffix, one up and one down.
function shift_constants(    base, rest, word, prev, digits, suffix) {
    base = 0
    rest = masked
    while (match(rest, /[0-9][0-9A-Za-z_.]*/)) {
        word = substr(rest, RSTART, RLENGTH)
        prev = substr(masked, base + RSTART - 1, base + RSTART > 1)
        if (prev !~ /[A-Za-z0-9_.]/ && word ~ /^(0x[0-9a-f]+|[0-9]+)[uUlL]*$/) {
            digits = suffix = word
            sub(/[uUlL]+$/, "", digits)
            suffix = substr(word, length(digits) + 1)
            emit("constant", replaced(base + RSTART, RLENGTH, "(" digits suffix " + 1)"))
            if (digits != "0")
                emit("constant", replaced(base + RSTART, RLENGTH, "(" digits suffix " - 1)"))
        }
        base += RSTART + RLENGTH - 1
        rest = substr(masked, base + 1)
    }
}

function drop_not(    base, rest) {
    base = 0
    rest = masked
    while (match(rest, /![A-Za-z_(*]/)) {
        emit("not", replaced(base + RSTART, 1, ""))
        base += RSTART
        rest = substr(masked, base + 1)
    }
}

function other_return() {
    if (masked ~ /^ *return WK_OK;/)
        swap("return", "WK_OK", "WK_MISS")
    else if (match(masked, /return WK_[A-Z_]+;/) && masked !~ /WK_(CLAIM|TIER|KEY|OBJECT)_/)
        emit("return", replaced(RSTART + 7, RLENGTH - 8, "WK_OK"))
    swap("return", "return true;", "return false;")
    swap("return", "return false;", "return true;")
}

# A statement of its own, not the rest of an expression that began above.
function begins_statement() {
    return before == "" || before ~ /[;{}):]$/ || before ~ /else$/
}

function delete_statement(    indent) {
    if (!begins_statement() || masked !~ /;$/)
        return
    match(masked, /^ */)
    indent = substr(masked, 1, RLENGTH)
    if (masked ~ /^ +(\(void\))?[a-z_][A-Za-z0-9_>.-]*\(.*\);$/ &&
        masked !~ /^ +(if|for|while|switch|return|sizeof)[ (]/)
        emit("call", indent ";")
    else if (masked ~ /^ +[*(]*[a-z_][^ ;]* ([-+*\/|&^]|<<|>>)?= .*;$/ ||
             masked ~ /^ +(\+\+|--)?[a-z_][^ ;=(]*(\+\+|--)?;$/ && masked ~ /(\+\+|--)/)
        emit("assignment", indent ";")
}

{
    masked = mask($0)
    sub(/ +$/, "", masked)
    directive = continued || masked ~ /^ *#/
    continued = directive && masked ~ /\\$/
    observes = masked ~ /WK_MARK|WK_PLANTED|__builtin_prefetch|_Static_assert/
    if (!directive && !observes && masked ~ /^ +[^ ]/) {
        one_comparison = flip_branch()
        delete_statement()
        shift_constants()
        drop_not()
        other_return()
        swap("comparison", " < ", " <= ")
        swap("comparison", " <= ", " < ")
        swap("comparison", " > ", " >= ")
        swap("comparison", " >= ", " > ")
        if (!one_comparison) {
            swap("comparison", " == ", " != ")
            swap("comparison", " != ", " == ")
        }
        swap("logic", " && ", " || ")
        swap("logic", " || ", " && ")
    }
    if (!directive && masked ~ /[^ ]/) {
        before = masked
        sub(/^ +/, "", before)
    }
}
