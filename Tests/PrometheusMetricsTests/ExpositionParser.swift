/// Reads the text format 0.0.4 more strictly than Prometheus does: what it takes, every scraper takes.
///
/// Spec: Prometheus, "Exposition formats", "Text-based format".
struct ExpositionParser {
    struct Sample: Equatable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    struct Family: Equatable {
        var name: String
        var type: String
        var help: String?
        var samples: [Sample]
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private var scalars: [Unicode.Scalar]
    private var position = 0

    /// All metrics of a text.
    static func parse(_ bytes: [UInt8]) throws -> [Family] {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Failure(description: "no UTF-8") }
        guard bytes.isEmpty || bytes.last == 0x0A else { throw Failure(description: "no line feed at the end") }
        guard !bytes.contains(0) else { throw Failure(description: "a NUL, which ends the text for Prometheus") }
        var families: [Family] = []
        for line in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            var parser = ExpositionParser(scalars: Array(line))
            do {
                try parser.line(&families)
            } catch {
                throw Failure(
                    description: "\(error) at \(parser.position) in: \(String(String.UnicodeScalarView(line)))")
            }
        }
        for family in families { try check(family) }
        guard families.map(\.name) == families.map(\.name).sorted() else { throw Failure(description: "no order") }
        return families
    }

    // MARK: Lines

    private mutating func line(_ families: inout [Family]) throws {
        if skip("# HELP ") {
            let name = try name(mayHaveColon: true)
            try expect(" ")
            guard !families.contains(where: { $0.name == name }) else { throw Failure(description: "HELP twice") }
            families.append(Family(name: name, type: "", help: try text(until: nil), samples: []))
        } else if skip("# TYPE ") {
            let name = try name(mayHaveColon: true)
            try expect(" ")
            let type = String(String.UnicodeScalarView(scalars[position...]))
            guard ["counter", "gauge", "histogram"].contains(type) else { throw Failure(description: "no such type") }
            if families.last?.name != name {
                guard !families.contains(where: { $0.name == name }) else { throw Failure(description: "TYPE twice") }
                families.append(Family(name: name, type: "", help: nil, samples: []))
            }
            guard families[families.count - 1].type.isEmpty else { throw Failure(description: "TYPE twice") }
            families[families.count - 1].type = type
        } else {
            let sample = try sample()
            guard let family = families.last, !family.type.isEmpty else { throw Failure(description: "no TYPE before") }
            let suffixes = family.type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
            guard suffixes.contains(where: { family.name + $0 == sample.name }) else {
                throw Failure(description: "a sample of another metric")
            }
            guard !family.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
                throw Failure(description: "a sample twice")
            }
            families[families.count - 1].samples.append(sample)
        }
    }

    private mutating func sample() throws -> Sample {
        let name = try name(mayHaveColon: true)
        var labels: [String: String] = [:]
        if skip("{") {
            repeat {
                let label = try self.name(mayHaveColon: false)
                try expect("=\"")
                let value = try text(until: "\"")
                guard labels.updateValue(value, forKey: label) == nil else {
                    throw Failure(description: "a label twice")
                }
                guard !value.isEmpty else { throw Failure(description: "a label that is none") }
            } while skip(",")
            try expect("}")
        }
        try expect(" ")
        return Sample(name: name, labels: labels, value: try value())
    }

    private mutating func value() throws -> Double {
        let text = String(String.UnicodeScalarView(scalars[position...]))
        switch text {
        case "NaN": return .nan
        case "+Inf": return .infinity
        case "-Inf": return -.infinity
        default:
            guard text.firstMatch(of: /^-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/) != nil, let value = Double(text) else {
                throw Failure(description: "no number")
            }
            return value
        }
    }

    private mutating func name(mayHaveColon: Bool) throws -> String {
        var name = ""
        while position < scalars.count {
            let scalar = scalars[position]
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
            let isLater = ("0"..."9").contains(scalar) && !name.isEmpty
            guard isLetter || isLater || scalar == ":" && mayHaveColon else { break }
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard !name.isEmpty else { throw Failure(description: "no name") }
        return name
    }

    /// What is escaped, up to a quotation mark or to the end of the line.
    private mutating func text(until end: Unicode.Scalar?) throws -> String {
        var text = ""
        while position < scalars.count {
            let scalar = scalars[position]
            position += 1
            if scalar == end { return text }
            guard scalar == "\\" else {
                text.unicodeScalars.append(scalar)
                continue
            }
            guard position < scalars.count else { throw Failure(description: "an escape of nothing") }
            switch scalars[position] {
            case "\\": text += "\\"
            case "n": text += "\n"
            case "\"" where end != nil: text += "\""
            default: throw Failure(description: "an unknown escape")
            }
            position += 1
        }
        guard end == nil else { throw Failure(description: "no end of a value") }
        return text
    }

    private mutating func skip(_ text: String) -> Bool {
        guard scalars[position...].starts(with: text.unicodeScalars) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    private mutating func expect(_ text: String) throws {
        guard skip(text) else { throw Failure(description: "\(text) is missing") }
    }

    // MARK: Meaning

    private static func check(_ family: Family) throws {
        guard !family.samples.isEmpty else { throw Failure(description: "\(family.name) has no samples") }
        guard family.type == "histogram" else { return }
        let groups = Dictionary(grouping: family.samples) { sample in sample.labels.filter { $0.key != "le" } }
        for (labels, samples) in groups {
            let buckets = samples.filter { $0.name.hasSuffix("_bucket") }
            let bounds = buckets.compactMap { $0.labels["le"].flatMap { $0 == "+Inf" ? .infinity : Double($0) } }
            let counts = buckets.map(\.value)
            guard bounds.count == buckets.count, bounds == bounds.sorted(), bounds.last == .infinity,
                counts == counts.sorted(), samples.count == buckets.count + 2,
                samples.last?.name == "\(family.name)_count", samples.last?.value == counts.last
            else { throw Failure(description: "\(family.name) \(labels): no whole histogram") }
        }
    }
}
