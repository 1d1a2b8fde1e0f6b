"""Who may do what."""

from rendering import NAMESPACE, Manifests


def rules(role):
    """What a Role allows: (group, resource, name or None, verb)."""
    return {
        (group, resource, name, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [None])
        for verb in rule["verbs"]
    }


class RightsChecks:
    manifests: Manifests
    # What a component lets registry-query do in the whole cluster.
    CLUSTER_RIGHTS = frozenset()

    def test_registry_query_may_do_what_it_does(self):
        expected = {("batch", "jobs", None, verb) for verb in ("create", "get", "list", "watch", "delete", "patch")}
        expected |= {("", "pods", None, verb) for verb in ("list", "watch")}
        expected |= {("", "pods/log", None, "get"), ("", "events", None, "list")}
        expected |= {("coordination.k8s.io", "leases", None, "create")}
        expected |= {("coordination.k8s.io", "leases", "registry-query", verb) for verb in ("get", "update")}
        self.assertEqual(rules(self.manifests.one("Role", "registry-query")), expected)

    def test_n8n_may_make_jobs_and_not_enter_pods(self):
        expected = {("batch", "jobs", None, verb) for verb in ("create", "get", "list", "watch", "delete")}
        expected |= {("", "pods", None, verb) for verb in ("get", "list", "watch")}
        expected |= {("", "pods/log", None, "get")}
        self.assertEqual(rules(self.manifests.one("Role", "build-job-manager")), expected)

    def test_nobody_may_do_everything_enter_pods_or_read_secrets(self):
        forbidden = {"*", "secrets", "pods/exec", "pods/attach", "pods/portforward", "escalate", "bind", "impersonate"}
        for role in self.manifests.all("Role") + self.manifests.all("ClusterRole"):
            for right in rules(role):
                self.assertFalse(forbidden & set(right), f"{role['metadata']['name']}: {right}")

    def test_rights_go_to_these_accounts_and_no_others(self):
        bound = {
            (
                binding["roleRef"]["kind"],
                binding["roleRef"]["name"],
                subject["kind"],
                subject["namespace"],
                subject["name"],
            )
            for binding in self.manifests.all("RoleBinding")
            for subject in binding["subjects"]
        }
        self.assertEqual(
            bound,
            {
                ("Role", "registry-query", "ServiceAccount", NAMESPACE, "registry-query"),
                ("Role", "build-job-manager", "ServiceAccount", "automation", "n8n"),
            },
        )
        for _, role, _, namespace, account in bound:
            self.manifests.one("Role", role)
            if namespace == NAMESPACE:
                self.manifests.one("ServiceAccount", account)

    def test_rights_in_the_whole_cluster_are_these_and_registry_querys(self):
        roles = {role["metadata"]["name"]: rules(role) for role in self.manifests.all("ClusterRole")}
        self.assertEqual(set().union(*roles.values()), self.CLUSTER_RIGHTS)
        bindings = self.manifests.all("ClusterRoleBinding")
        self.assertEqual(sorted(binding["roleRef"]["name"] for binding in bindings), sorted(roles))
        for binding in bindings:
            self.assertEqual(binding["roleRef"]["kind"], "ClusterRole")
            self.assertEqual(
                binding["subjects"], [{"kind": "ServiceAccount", "name": "registry-query", "namespace": NAMESPACE}]
            )

    def test_only_registry_query_gets_a_token(self):
        for account in self.manifests.all("ServiceAccount"):
            self.assertIs(account["automountServiceAccountToken"], False)
        self.assertEqual(self.manifests.pod["spec"]["serviceAccountName"], "registry-query")
        self.assertIs(self.manifests.pod["spec"]["automountServiceAccountToken"], True)
        build = self.manifests.build_pod["spec"]
        self.assertEqual(build["serviceAccountName"], "buildkit-sa")
        self.manifests.one("ServiceAccount", build["serviceAccountName"])
        self.assertIs(build["automountServiceAccountToken"], False)
