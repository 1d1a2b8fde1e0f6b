internal import HTTPTransport
internal import HTTPTypes

/// The texts of the `Warning` fields with code 299, which is how the API server speaks to the author of an object.
///
/// At most 20, at most 500 characters each. Spec: RFC 7234 section 5.5.
func warnings(in fields: HTTPFields) -> [String] {
    guard let name = HTTPField.Name("Warning") else { return [] }
    return fields[values: name].flatMap(warningTexts).prefix(20).map { redacted($0, limit: 500) }
}

/// `299 - "text"`, several separated by commas, a backslash before quotes and backslashes within a text.
private func warningTexts(_ value: String) -> [String] {
    var texts: [String] = []
    var rest = value[...]
    while let start = rest.range(of: "299 ")?.upperBound, let quote = rest[start...].firstIndex(of: "\"") {
        var text = ""
        var position = rest.index(after: quote)
        while position < rest.endIndex, rest[position] != "\"" {
            if rest[position] == "\\" {
                position = rest.index(after: position)
                guard position < rest.endIndex else { break }
            }
            text.append(rest[position])
            position = rest.index(after: position)
        }
        texts.append(text)
        rest = position < rest.endIndex ? rest[rest.index(after: position)...] : ""
    }
    return texts
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? {
        indices.lazy.filter { self[$0...].hasPrefix(text) }.first.map { $0..<index($0, offsetBy: text.count) }
    }
}
