extension StringProtocol {
    /// The text as an error message may show it: quoted, printable ASCII only, at most 64 characters of it.
    ///
    /// What is quoted came from outside, so that neither its length nor its control characters reach a log.
    var excerpt: String {
        var shown = "'"
        for scalar in unicodeScalars.prefix(64) {
            shown.unicodeScalars.append((0x20...0x7e).contains(scalar.value) ? scalar : "?")
        }
        return unicodeScalars.dropFirst(64).isEmpty ? shown + "'" : shown + "...'"
    }
}
