/// Names as the exposition format allows them.
///
/// Spec: Prometheus, "Data model", the legacy names, which every scraper reads.
enum MetricName {
    /// A name with the bytes `[a-zA-Z_:][a-zA-Z0-9_:]*`; each other byte becomes `_`.
    static func metric(_ text: String, suffix: String = "") -> String {
        let name = sanitised(text, mayHaveColon: true)
        return name.hasSuffix(suffix) ? name : name + suffix
    }

    /// A name with the bytes `[a-zA-Z_][a-zA-Z0-9_]*`; each other byte becomes `_`.
    static func label(_ text: String) -> String { sanitised(text, mayHaveColon: false) }

    /// Whether a label's name is the format's own.
    static func isReserved(label name: String) -> Bool { name == "le" || name == "quantile" || name.hasPrefix("__") }

    private static func sanitised(_ text: String, mayHaveColon: Bool) -> String {
        // By bytes: a base letter with a combining mark is one Character between "a" and "z".
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + 1)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
                bytes.append(byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
                bytes.append(byte)
            case UInt8(ascii: ":") where mayHaveColon:
                bytes.append(byte)
            default:
                bytes.append(UInt8(ascii: "_"))
            }
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }
}

extension MetricDescription {
    /// The same with names that the format allows.
    var withValidNames: MetricDescription {
        var description = self
        description.name = MetricName.metric(name)
        for index in labels.indices { description.labels[index].name = MetricName.label(labels[index].name) }
        return description
    }
}
