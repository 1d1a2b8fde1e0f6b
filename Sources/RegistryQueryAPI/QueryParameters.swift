/// Reads the parameters of a query, each at most once and only those that are known.
///
/// Spec: WHATWG URL, `application/x-www-form-urlencoded` parsing: `+` is a space.
struct QueryParameters {
    private let errors: InputErrors
    private var values: [String: String] = [:]

    /// Notes every unknown, repeated and undecodable parameter.
    init(_ query: String?, known: [String], errors: InputErrors) {
        self.errors = errors
        for part in (query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = percentDecoded(pair[0], plusIsSpace: true),
                let value = percentDecoded(pair.count == 2 ? pair[1] : "", plusIsSpace: true)
            else {
                errors.add(.malformedRequest, String(pair[0].prefix(60)), "the parameter is not percent-encoded UTF-8")
                continue
            }
            if !known.contains(name) {
                let reason = known.isEmpty ? "this route has none" : "known here are \(known.joined(separator: ", "))"
                errors.add(.unknownParameter, String(name.prefix(60)), "there is no such parameter; \(reason)")
            } else if values.updateValue(value, forKey: name) != nil {
                errors.add(.repeatedParameter, name, "the parameter is there twice")
            }
        }
    }

    /// A value, made from the parameter's text.
    func value<Value>(_ name: String, _ make: (String) throws -> Value) -> Value? {
        guard let text = values[name] else { return nil }
        return errors.reading(name) { try make(text) }
    }

    /// A value from a closed set.
    func choice<Value: RawRepresentable & CaseIterable>(_ name: String) -> Value? where Value.RawValue == String {
        value(name) { text in try chosen(text) }
    }

    /// `true` or `false`.
    func flag(_ name: String) -> Bool? {
        value(name) { text in
            guard let flag = Bool(text) else { throw Refusal("\(quoted(text)) must be true or false") }
            return flag
        }
    }

    /// A whole number.
    func number(_ name: String, in allowed: ClosedRange<Int>) -> Int? {
        value(name) { text in
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), allowed.contains(number)
            else {
                throw Refusal(
                    "\(quoted(text)) must be a whole number from \(allowed.lowerBound) to \(allowed.upperBound)")
            }
            return number
        }
    }

    /// Notes something about a parameter.
    func refuse(_ name: String, _ reason: String) { errors.add(.invalidValue, name, reason) }
}

/// The case that a text names.
func chosen<Value: RawRepresentable & CaseIterable>(_ text: String) throws -> Value where Value.RawValue == String {
    guard let value = Value(rawValue: text) else {
        let names = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw Refusal("\(quoted(text)) must be one of \(names)")
    }
    return value
}

/// The text with its percent-encoding removed, or `nil` if that is broken or no UTF-8.
func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
    var output: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.popFirst() {
        switch byte {
        case UInt8(ascii: "%"):
            guard let high = bytes.popFirst().flatMap(hexValue), let low = bytes.popFirst().flatMap(hexValue) else {
                return nil
            }
            output.append(high << 4 | low)
        case UInt8(ascii: "+") where plusIsSpace: output.append(UInt8(ascii: " "))
        default: output.append(byte)
        }
    }
    return String(validating: output, as: UTF8.self)
}

private func hexValue(_ byte: UInt8) -> UInt8? {
    Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
}
