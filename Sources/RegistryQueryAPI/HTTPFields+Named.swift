import HTTPTypes

extension HTTPFields {
    /// The values of a field that HTTPTypes has no constant for.
    func values(named name: String) -> [String] {
        HTTPField.Name(name).map { self[values: $0] } ?? []
    }

    /// Sets a field that HTTPTypes has no constant for.
    mutating func set(_ name: String, _ value: String) {
        guard let name = HTTPField.Name(name) else { return }
        self[name] = value
    }
}
