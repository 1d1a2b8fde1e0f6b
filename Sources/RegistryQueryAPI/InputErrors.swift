import Builds
import HTTPTypes

/// Collects what is wrong with a request, so that a caller is told everything at once.
final class InputErrors {
    /// More than these help nobody.
    static let most = 20

    private(set) var list: [Problem.FieldError] = []

    /// Notes that something is wrong with a field.
    /// - Parameter reason: What is wrong and what would be right, readable after the field's name and a colon.
    func add(_ code: ProblemCode, _ field: String, _ reason: String) {
        guard list.count < Self.most else { return }
        list.append(Problem.FieldError(field: field, code: code, message: "\(field): \(reason)"))
    }

    /// What `make` makes, or `nil` after noting why it could not.
    func reading<Value>(_ field: String, _ make: () throws -> Value) -> Value? {
        do {
            return try make()
        } catch let error as InvalidInput {
            add(.invalidValue, field, error.reason)
        } catch {
            add(.invalidValue, field, "\(error)")
        }
        return nil
    }

    /// Throws what was noted.
    func check() throws(Problem) {
        if !list.isEmpty { throw problem }
    }

    /// What was noted, a wrong form (400) before a wrong value (422).
    var problem: Problem {
        guard let first = list.first(where: { $0.code.status == .badRequest }) ?? list.first else {
            return Problem(.malformedRequest, "the request cannot be read")
        }
        var detail = first.message
        if list.count > 1 { detail += " (and \(list.count - 1) more: see errors)" }
        var problem = Problem(first.code, detail, field: first.field)
        problem.errors = list
        return problem
    }
}

/// A reason without a type of its own.
struct Refusal: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// A value of a caller as it may be shown: at most 80 characters, control characters replaced, in quotes.
func quoted(_ value: some StringProtocol) -> String {
    let shown = value.unicodeScalars.prefix(80).map { scalar -> Character in
        scalar.properties.generalCategory == .control ? "?" : Character(scalar)
    }
    return "\"\(String(shown))\(value.unicodeScalars.count > 80 ? "..." : "")\""
}
