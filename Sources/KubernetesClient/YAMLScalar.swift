/// What a plain (unquoted) YAML scalar means to Kubernetes.
///
/// Spec: YAML 1.2.2 section 10.3, with the integers of YAML 1.1 (`0644`, `0b1`, `1_000`) that Kubernetes reads, too.
enum YAMLScalar: Equatable {
    case value(JSONValue)
    /// A truth value in YAML 1.1, a string in YAML 1.2.
    case ambiguous
    /// Infinity, or not a number.
    case unrepresentable

    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .value(.null)
        case "true", "True", "TRUE": self = .value(.bool(true))
        case "false", "False", "FALSE": self = .value(.bool(false))
        case "y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF":
            self = .ambiguous
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN":
            self = .unrepresentable
        default:
            self = .value((YAMLScalar.integer(text) ?? YAMLScalar.decimal(text)).map(JSONValue.number) ?? .string(text))
        }
    }

    private static func integer(_ text: String) -> JSONNumber? {
        // Nothing but a sign, digits and what separates or prefixes them can be an integer.
        guard let first = text.utf8.first, text.utf8.count <= 80,
            (0x30...0x39).contains(first) || first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        else { return nil }
        let isNegative = first == UInt8(ascii: "-")
        let unsigned = text.drop { $0 == "-" || $0 == "+" }
        guard text.utf8.count - unsigned.utf8.count <= 1, unsigned.first != "_" else { return nil }
        let digits = unsigned.filter { $0 != "_" }
        let prefixes: [(String, Int)] = [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)]
        for (prefix, radix) in prefixes where digits.hasPrefix(prefix) {
            return number(digits.dropFirst(2), radix: radix, isNegative: isNegative)
        }
        if digits.count > 1, digits.hasPrefix("0") {
            return number(digits.dropFirst(), radix: 8, isNegative: isNegative)
        }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return JSONNumber(isNegative && digits != "0" ? "-" + digits : String(digits))
    }

    private static func number(_ digits: Substring, radix: Int, isNegative: Bool) -> JSONNumber? {
        guard digits.first?.isHexDigit == true, let magnitude = UInt64(digits, radix: radix) else { return nil }
        return JSONNumber(isNegative && magnitude != 0 ? "-\(magnitude)" : "\(magnitude)")
    }

    /// Numbers such as `1.5`, `.5`, `1.` and `1e3`, in the spelling of JSON.
    private static func decimal(_ text: String) -> JSONNumber? {
        let isNegative = text.hasPrefix("-")
        let unsigned = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
        let exponentStart = unsigned.firstIndex { $0 == "e" || $0 == "E" } ?? unsigned.endIndex
        let mantissa = unsigned[..<exponentStart].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard mantissa.count == 2 || exponentStart != unsigned.endIndex || unsigned.hasPrefix("0"),
            let whole = mantissa.first, !(whole.isEmpty && (mantissa.last?.isEmpty ?? true)),
            (whole + (mantissa.count == 2 ? mantissa[1] : "")).utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        let significant = whole.drop { $0 == "0" }
        var result = isNegative ? "-" : ""
        result += significant.isEmpty ? "0" : String(significant)
        if mantissa.count == 2 { result += "." + (mantissa[1].isEmpty ? "0" : mantissa[1]) }
        return JSONNumber(result + unsigned[exponentStart...])
    }
}
