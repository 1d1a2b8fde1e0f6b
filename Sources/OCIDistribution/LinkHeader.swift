/// The links of `Link` header fields, as far as paging needs them.
///
/// What cannot be read is an error, not the end: a listing would otherwise be taken for complete.
/// Spec: RFC 8288 section 3 and appendix B.2.
struct LinkHeader {
    struct Link: Hashable {
        var target: String
        /// The relation types in lower case; those of the first `rel` only, as the specification has it.
        var relations: [String]
    }

    struct Malformed: Error {
        var reason: String
    }

    let links: [Link]

    /// Reads the values of all `Link` fields of an answer.
    init(_ values: [String]) throws(Malformed) {
        var links: [Link] = []
        for value in values {
            var scanner = FieldScanner(value)
            while true {
                scanner.skip { $0 == UInt8(ascii: ",") || FieldScanner.isSpace($0) }
                if scanner.isAtEnd { break }
                links.append(try Self.link(&scanner))
            }
        }
        self.links = links
    }

    /// The target of `rel="next"`, resolved by the caller; `nil` when there is none.
    func next() throws(Malformed) -> String? {
        let targets = links.filter { $0.relations.contains("next") }.map(\.target)
        guard let first = targets.first else { return nil }
        guard targets.allSatisfy({ $0 == first }) else { throw Malformed(reason: "it names several next pages") }
        return first
    }

    private static func link(_ scanner: inout FieldScanner) throws(Malformed) -> Link {
        guard scanner.take(UInt8(ascii: "<")), let target = scanner.text(until: UInt8(ascii: ">")) else {
            throw Malformed(reason: "a link does not stand in <angle brackets>")
        }
        var relations: [String]?
        while true {
            scanner.skip(FieldScanner.isSpace)
            if scanner.isAtEnd || scanner.isAt(UInt8(ascii: ",")) { break }
            guard scanner.take(UInt8(ascii: ";")) else {
                throw Malformed(reason: "a link's parameters are not separated by ;")
            }
            scanner.skip(FieldScanner.isSpace)
            let name = scanner.text { !FieldScanner.isSpace($0) && !"=;,".utf8.contains($0) }.lowercased()
            scanner.skip(FieldScanner.isSpace)
            var value = ""
            if scanner.take(UInt8(ascii: "=")) {
                scanner.skip(FieldScanner.isSpace)
                if scanner.isAt(UInt8(ascii: "\"")) {
                    guard let quoted = scanner.quotedString() else {
                        throw Malformed(reason: "a quoted parameter does not end")
                    }
                    value = quoted
                } else {
                    value = scanner.text {
                        !FieldScanner.isSpace($0) && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ",")
                    }
                }
            }
            if name == "rel", relations == nil {
                relations = value.lowercased().split(whereSeparator: \.isWhitespace).map(String.init)
            }
        }
        return Link(target: target, relations: relations ?? [])
    }
}
