/// How a builder departs from its contract.
public struct ConformanceFailure: Error, CustomStringConvertible {
    /// What had to be true, what was found, and where that was checked.
    public let description: String

    init(_ description: String, file: String, line: Int) {
        self.description = "\(description) (\(file.split(separator: "/").last ?? ""):\(line))"
    }
}

/// Throws unless something is true.
func require(
    _ isTrue: Bool, _ expectation: String, found: Any? = nil, file: String = #fileID, line: Int = #line
) throws(ConformanceFailure) {
    guard !isTrue else { return }
    throw ConformanceFailure(
        expectation + (found.map { "; found: \($0)" } ?? ""), file: file, line: line)
}

/// Throws unless there is a value.
func required<Value>(
    _ value: Value?, _ expectation: String, file: String = #fileID, line: Int = #line
) throws(ConformanceFailure) -> Value {
    guard let value else { throw ConformanceFailure(expectation, file: file, line: line) }
    return value
}
