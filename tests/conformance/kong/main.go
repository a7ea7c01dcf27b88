// Drives the API of event gateways with the Go SDK that its makers generate, unmodified, through a closed list of cases.
//
// It takes from the environment: KLAMM_URL, KLAMM_TOKEN (an access token that may change things), KLAMM_READING_TOKEN
// (one that may not), KLAMM_PARTNER (a virtual cluster that was made by /gateway/v2), KLAMM_TOPIC (a topic of the
// physical cluster main that is in no namespace), and KLAMM_JWKS (the keys of a provider of tokens, if there is one).
// It prints a line for each case and ends with 1 if any failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	sdk "github.com/Kong/sdk-konnect-go"
	"github.com/Kong/sdk-konnect-go/models/components"
	"github.com/Kong/sdk-konnect-go/models/operations"
	"github.com/Kong/sdk-konnect-go/models/sdkerrors"
)

// What one case after the other finds out.
type world struct {
	ctx     context.Context
	admin   *sdk.SDK
	reader  *sdk.SDK
	nobody  *sdk.SDK
	gateway string
	backend string
	made    *components.VirtualCluster
}

func client(token string) *sdk.SDK {
	return sdk.New(
		sdk.WithServerURL(os.Getenv("KLAMM_URL")),
		sdk.WithSecurity(components.Security{PersonalAccessToken: &token}),
		sdk.WithTimeout(30*time.Second),
	)
}

func main() {
	w := &world{
		ctx:    context.Background(),
		admin:  client(os.Getenv("KLAMM_TOKEN")),
		reader: client(os.Getenv("KLAMM_READING_TOKEN")),
		nobody: client("none"),
	}
	cases := []struct {
		name string
		run  func(*world) error
	}{
		{"gateways are listed and have UUIDs", gateways},
		{"a gateway is neither made nor changed nor deleted", gatewaysStay},
		{"backend clusters are listed", backends},
		{"backend clusters of the configuration are not changed", backendsStay},
		{"a backend cluster comes and goes", backendComesAndGoes},
		{"listeners and their policies are listed", listeners},
		{"listeners are not changed", listenersStay},
		{"a virtual cluster is created as it is written", create},
		{"it is got and listed", getAndList},
		{"it is updated", update},
		{"ACLs may decide before anybody manages them", unmanaged},
		{"topic aliases come and go with it", topicAliases},
		{"tokens of a configured provider are taken", jwks},
		{"what another API made is listed", partner},
		{"policies on records are created, moved and deleted", policies},
		{"a policy gives rights", rights},
		{"single fields of policies are changed", patched},
		{"keys and registries are part of the configuration", configured},
		{"pages follow one another", pages},
		{"errors have their types", failures},
		{"it is deleted", remove},
	}
	failed := 0
	for _, c := range cases {
		if err := c.run(w); err != nil {
			failed++
			fmt.Printf("FAILED %s: %v\n", c.name, err)
			continue
		}
		fmt.Printf("ok     %s\n", c.name)
	}
	fmt.Printf("%d cases, %d failed\n", len(cases), failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func isUUID(text string) bool {
	parts := strings.Split(text, "-")
	if len(parts) != 5 {
		return false
	}
	for i, length := range []int{8, 4, 4, 4, 12} {
		if len(parts[i]) != length || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return false
		}
	}
	return true
}

func gateways(w *world) error {
	listed, err := w.admin.EventGateways.ListEventGateways(w.ctx, operations.ListEventGatewaysRequest{})
	if err != nil {
		return err
	}
	all := listed.ListEventGatewaysResponse.Data
	if len(all) != 1 || !isUUID(all[0].ID) || all[0].Version == "" || all[0].CreatedAt.IsZero() {
		return fmt.Errorf("%+v", all)
	}
	w.gateway = all[0].ID
	got, err := w.reader.EventGateways.GetEventGateway(w.ctx, w.gateway)
	if err != nil {
		return err
	}
	if got.EventGatewayInfo.ID != w.gateway || got.EventGatewayInfo.NodesTotal < 1 {
		return fmt.Errorf("%+v", got.EventGatewayInfo)
	}
	return nil
}

// A refusal that names what is to be done instead.
func refused(err error, part string) error {
	var bad *sdkerrors.BadRequestError
	if !errors.As(err, &bad) {
		return fmt.Errorf("no BadRequestError: %T %v", err, err)
	}
	if !strings.Contains(bad.Detail, part) || len(bad.InvalidParameters) == 0 || bad.Status != 400 || bad.Title == "" || bad.Instance == "" {
		return fmt.Errorf("%+v", bad)
	}
	return nil
}

func gatewaysStay(w *world) error {
	_, err := w.admin.EventGateways.CreateEventGateway(w.ctx, components.CreateGatewayRequest{Name: "another"})
	if err := refused(err, "one event gateway"); err != nil {
		return err
	}
	description := "other"
	_, err = w.admin.EventGateways.PatchEventGateway(w.ctx, w.gateway, components.PatchGatewayRequest{Description: &description})
	if err := refused(err, "klamm.raft"); err != nil {
		return err
	}
	if _, err = w.admin.EventGateways.DeleteEventGateway(w.ctx, w.gateway); err == nil {
		return errors.New("it was deleted")
	}
	return nil
}

func backends(w *world) error {
	listed, err := w.admin.EventGatewayBackendClusters.ListEventGatewayBackendClusters(w.ctx,
		operations.ListEventGatewayBackendClustersRequest{GatewayID: w.gateway})
	if err != nil {
		return err
	}
	for _, one := range listed.ListBackendClustersResponse.Data {
		if !isUUID(one.ID) || len(one.BootstrapServers) == 0 {
			return fmt.Errorf("%+v", one)
		}
		if one.Name == "main" {
			w.backend = one.ID
		}
	}
	got, err := w.admin.EventGatewayBackendClusters.GetEventGatewayBackendCluster(w.ctx, w.gateway, w.backend)
	if err != nil {
		return err
	}
	if got.BackendCluster.Name != "main" || got.BackendCluster.Authentication.Type == "" {
		return fmt.Errorf("%+v", got.BackendCluster)
	}
	return nil
}

// A refusal because of what is there.
func conflict(err error, part string) error {
	var other *sdkerrors.SDKError
	if !errors.As(err, &other) || other.StatusCode != 409 || !strings.Contains(other.Body, part) {
		return fmt.Errorf("no conflict: %T %v", err, err)
	}
	return nil
}

func backendsStay(w *world) error {
	all := w.admin.EventGatewayBackendClusters
	got, err := all.GetEventGatewayBackendCluster(w.ctx, w.gateway, w.backend)
	if err != nil {
		return err
	}
	_, err = all.UpdateEventGatewayBackendCluster(w.ctx, operations.UpdateEventGatewayBackendClusterRequest{
		GatewayID: w.gateway, BackendClusterID: w.backend, UpdateBackendClusterRequest: again(got.BackendCluster)})
	if err := conflict(err, "configuration"); err != nil {
		return err
	}
	_, err = all.DeleteEventGatewayBackendCluster(w.ctx, w.gateway, w.backend)
	return conflict(err, "configuration")
}

// Puts a backend cluster as it is.
func again(shown *components.BackendCluster) *components.UpdateBackendClusterRequest {
	return &components.UpdateBackendClusterRequest{
		Name:                          shown.Name,
		Description:                   shown.Description,
		Authentication:                shown.Authentication,
		BootstrapServers:              shown.BootstrapServers,
		TLS:                           shown.TLS,
		MetadataUpdateIntervalSeconds: shown.MetadataUpdateIntervalSeconds,
		Labels:                        shown.Labels,
	}
}

func backendComesAndGoes(w *world) error {
	all := w.admin.EventGatewayBackendClusters
	made, err := all.CreateEventGatewayBackendCluster(w.ctx, w.gateway, &components.CreateBackendClusterRequest{
		Name:             "another",
		BootstrapServers: []string{"127.0.0.1:9092"},
		Authentication: components.CreateBackendClusterAuthenticationSchemeAnonymous(
			components.BackendClusterAuthenticationAnonymous{}),
		TLS: components.BackendClusterTLS{Enabled: false},
	})
	if err != nil {
		return err
	}
	backend := made.BackendCluster
	if made.StatusCode != 201 || !isUUID(backend.ID) || !reflect.DeepEqual(backend.BootstrapServers, []string{"127.0.0.1:9092"}) {
		return fmt.Errorf("%+v", backend)
	}
	wanted := again(backend)
	wanted.BootstrapServers = []string{"127.0.0.1:9093"}
	changed, err := all.UpdateEventGatewayBackendCluster(w.ctx, operations.UpdateEventGatewayBackendClusterRequest{
		GatewayID: w.gateway, BackendClusterID: backend.ID, UpdateBackendClusterRequest: wanted})
	if err != nil {
		return err
	}
	if now := changed.BackendCluster; now.ID != backend.ID || !reflect.DeepEqual(now.BootstrapServers, wanted.BootstrapServers) {
		return fmt.Errorf("%+v", now)
	}
	if _, err := all.DeleteEventGatewayBackendCluster(w.ctx, w.gateway, backend.ID); err != nil {
		return err
	}
	_, err = all.GetEventGatewayBackendCluster(w.ctx, w.gateway, backend.ID)
	var missing *sdkerrors.NotFoundError
	if !errors.As(err, &missing) {
		return fmt.Errorf("%T %v", err, err)
	}
	return nil
}

func listeners(w *world) error {
	listed, err := w.admin.EventGatewayListeners.ListEventGatewayListeners(w.ctx,
		operations.ListEventGatewayListenersRequest{GatewayID: w.gateway})
	if err != nil {
		return err
	}
	all := listed.ListEventGatewayListenersResponse.Data
	if len(all) == 0 {
		return errors.New("there are none")
	}
	for _, one := range all {
		got, err := w.admin.EventGatewayListeners.GetEventGatewayListener(w.ctx, w.gateway, one.ID)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(*got.EventGatewayListener, one) || len(one.Ports) == 0 || len(one.Addresses) == 0 {
			return fmt.Errorf("%+v", one)
		}
		policies, err := w.admin.EventGatewayListenerPolicies.ListEventGatewayListenerPolicies(w.ctx,
			operations.ListEventGatewayListenerPoliciesRequest{GatewayID: w.gateway, ListenerID: one.ID})
		if err != nil {
			return err
		}
		found := policies.ListEventGatewayListenerPoliciesResponse
		if len(found) == 0 {
			return fmt.Errorf("%s leads nowhere", one.Name)
		}
		for _, policy := range found {
			if policy.Type != "tls_server" && policy.Type != "forward_to_virtual_cluster" {
				return fmt.Errorf("%+v", policy)
			}
			if _, err := w.admin.EventGatewayListenerPolicies.GetEventGatewayListenerPolicy(w.ctx,
				operations.GetEventGatewayListenerPolicyRequest{GatewayID: w.gateway, ListenerID: one.ID, PolicyID: policy.ID}); err != nil {
				return err
			}
		}
	}
	return nil
}

func listenersStay(w *world) error {
	_, err := w.admin.EventGatewayListeners.CreateEventGatewayListener(w.ctx, w.gateway,
		&components.CreateEventGatewayListenerRequest{
			Name:      "another",
			Addresses: []string{"127.0.0.1"},
			Ports:     []components.EventGatewayListenerPort{components.CreateEventGatewayListenerPortInteger(19092)},
		})
	return refused(err, "gateway.listeners")
}

func pointer[T any](value T) *T { return &value }

func plain(users ...string) components.VirtualClusterAuthenticationScheme {
	var principals []components.VirtualClusterAuthenticationPrincipal
	for _, user := range users {
		principals = append(principals, components.VirtualClusterAuthenticationPrincipal{Username: user, Password: "of-" + user})
	}
	return components.CreateVirtualClusterAuthenticationSchemeSaslPlain(components.VirtualClusterAuthenticationSaslPlain{
		Mediation:  components.VirtualClusterAuthenticationSaslPlainMediationTerminate,
		Principals: principals,
	})
}

func request(w *world, name string) *components.CreateVirtualClusterRequest {
	return &components.CreateVirtualClusterRequest{
		Name:     name,
		DNSLabel: name,
		ACLMode:  components.VirtualClusterACLModePassthrough,
		Destination: components.CreateBackendClusterReferenceModifyBackendClusterReferenceByID(
			components.BackendClusterReferenceByID{ID: w.backend}),
		Authentication: []components.VirtualClusterAuthenticationScheme{plain("alice")},
		Namespace: &components.VirtualClusterNamespace{
			Mode:   components.ModeHidePrefix,
			Prefix: name + "_",
		},
	}
}

func create(w *world) error {
	wanted := request(w, "kong-one")
	wanted.Description = pointer("the first one")
	wanted.Labels = map[string]string{"env": "test", "team": "a.b"}
	wanted.Namespace.Additional = &components.VirtualClusterNamespaceAdditionalProperties{
		Topics: []components.VirtualClusterNamespaceTopicSelector{
			components.CreateVirtualClusterNamespaceTopicSelectorExactList(components.VirtualClusterNamespaceTopicSelectorExactList{
				ExactList: []components.NamespaceExactAllowListItem{{Backend: "zoo"}, {Backend: "ant"}},
				Conflict:  pointer(components.VirtualClusterNamespaceTopicSelectorExactListConflictIgnore),
			}),
			components.CreateVirtualClusterNamespaceTopicSelectorGlob(components.VirtualClusterNamespaceTopicSelectorGlob{
				Glob: "pub_*", Conflict: pointer(components.ConflictIgnore),
			}),
		},
	}
	made, err := w.admin.EventGatewayVirtualClusters.CreateEventGatewayVirtualCluster(w.ctx, w.gateway, wanted)
	if err != nil {
		return err
	}
	got := made.VirtualCluster
	w.made = got
	switch {
	case made.StatusCode != 201 || !isUUID(got.ID) || got.Name != wanted.Name || got.DNSLabel != wanted.DNSLabel:
		return fmt.Errorf("%+v", got)
	case got.Destination.ID != w.backend || got.Destination.Name != "main":
		return fmt.Errorf("destination %+v", got.Destination)
	case *got.Description != *wanted.Description || !reflect.DeepEqual(got.Labels, wanted.Labels):
		return fmt.Errorf("description %q, labels %v", *got.Description, got.Labels)
	case !reflect.DeepEqual(got.Namespace, wanted.Namespace):
		return fmt.Errorf("namespace %+v", got.Namespace)
	case time.Since(got.CreatedAt).Abs() > time.Hour || got.UpdatedAt.Before(got.CreatedAt):
		return fmt.Errorf("created %v, updated %v", got.CreatedAt, got.UpdatedAt)
	}
	method := got.Authentication[0].VirtualClusterAuthenticationSaslPlainSensitiveDataAware
	if len(got.Authentication) != 1 || method == nil || method.Principals[0].Username != "alice" || method.Principals[0].Password != nil {
		return fmt.Errorf("authentication %+v", got.Authentication)
	}
	return nil
}

func getAndList(w *world) error {
	got, err := w.reader.EventGatewayVirtualClusters.GetEventGatewayVirtualCluster(w.ctx, w.gateway, w.made.ID)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got.VirtualCluster, w.made) {
		return fmt.Errorf("%+v is not %+v", got.VirtualCluster, w.made)
	}
	listed, err := w.reader.EventGatewayVirtualClusters.ListEventGatewayVirtualClusters(w.ctx,
		operations.ListEventGatewayVirtualClustersRequest{
			GatewayID: w.gateway,
			Filter: &operations.Filter{
				Name:             &components.StringFieldContainsFilter{Contains: "NG-ON"},
				BackendClusterID: &components.StringFieldEqualsFilter{Eq: &w.backend},
			},
		})
	if err != nil {
		return err
	}
	all := listed.ListVirtualClustersResponse.Data
	if len(all) != 1 || !reflect.DeepEqual(&all[0], w.made) {
		return fmt.Errorf("%+v", all)
	}
	return nil
}

func update(w *world) error {
	wanted := components.UpdateVirtualClusterRequest{
		Name:        w.made.Name,
		Description: pointer("changed"),
		Destination: components.CreateBackendClusterReferenceModifyBackendClusterReferenceByName(
			components.BackendClusterReferenceByName{Name: "main"}),
		// Whoever is known already is put without a password.
		Authentication: w.made.Authentication,
		Namespace:      w.made.Namespace,
		ACLMode:        w.made.ACLMode,
		DNSLabel:       "kong-other",
	}
	changed, err := w.admin.EventGatewayVirtualClusters.UpdateEventGatewayVirtualCluster(w.ctx,
		operations.UpdateEventGatewayVirtualClusterRequest{
			GatewayID: w.gateway, VirtualClusterID: w.made.ID, UpdateVirtualClusterRequest: &wanted,
		})
	if err != nil {
		return err
	}
	got := changed.VirtualCluster
	if got.ID != w.made.ID || *got.Description != "changed" || len(got.Labels) != 0 || got.DNSLabel != "kong-other" ||
		!got.CreatedAt.Equal(w.made.CreatedAt) || got.UpdatedAt.Before(w.made.UpdatedAt) {
		return fmt.Errorf("%+v", got)
	}
	if !reflect.DeepEqual(got.Authentication, w.made.Authentication) || !reflect.DeepEqual(got.Namespace, w.made.Namespace) {
		return fmt.Errorf("%+v", got)
	}
	return nil
}

// Makes another virtual cluster, looks at it, and deletes it.
func passing(w *world, wanted *components.CreateVirtualClusterRequest, look func(*components.VirtualCluster) error) error {
	made, err := w.admin.EventGatewayVirtualClusters.CreateEventGatewayVirtualCluster(w.ctx, w.gateway, wanted)
	if err != nil {
		return err
	}
	seen := look(made.VirtualCluster)
	if _, err := w.admin.EventGatewayVirtualClusters.DeleteEventGatewayVirtualCluster(w.ctx, w.gateway, made.VirtualCluster.ID); err != nil {
		return err
	}
	return seen
}

func unmanaged(w *world) error {
	wanted := request(w, "kong-acls")
	wanted.ACLMode = components.VirtualClusterACLModeEnforceOnGateway
	return passing(w, wanted, func(got *components.VirtualCluster) error {
		if got.ACLMode != wanted.ACLMode {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
}

func topicAliases(w *world) error {
	wanted := request(w, "kong-aliases")
	wanted.TopicAliases = []components.VirtualClusterTopicAlias{{
		Alias:     "theirs",
		Topic:     os.Getenv("KLAMM_TOPIC"),
		Condition: pointer(""),
		Conflict:  pointer(components.VirtualClusterTopicAliasConflictIgnore),
	}}
	return passing(w, wanted, func(got *components.VirtualCluster) error {
		if !reflect.DeepEqual(got.TopicAliases, wanted.TopicAliases) {
			return fmt.Errorf("%+v", got.TopicAliases)
		}
		return nil
	})
}

func jwks(w *world) error {
	bearer := func(endpoint string) []components.VirtualClusterAuthenticationScheme {
		return []components.VirtualClusterAuthenticationScheme{
			components.CreateVirtualClusterAuthenticationSchemeOauthBearer(components.VirtualClusterAuthenticationOauthBearer{
				Mediation: components.VirtualClusterAuthenticationOauthBearerMediationTerminate,
				Jwks:      &components.VirtualClusterAuthenticationJWKS{Endpoint: endpoint},
			}),
		}
	}
	wanted := request(w, "kong-oauth")
	wanted.Authentication = bearer("https://nowhere.example.com/keys")
	_, err := w.admin.EventGatewayVirtualClusters.CreateEventGatewayVirtualCluster(w.ctx, w.gateway, wanted)
	if err := refused(err, "gateway.oauth.providers"); err != nil {
		return err
	}
	endpoint := os.Getenv("KLAMM_JWKS")
	if endpoint == "" {
		return nil
	}
	wanted.Authentication = bearer(endpoint)
	return passing(w, wanted, func(got *components.VirtualCluster) error {
		method := got.Authentication[0].VirtualClusterAuthenticationOauthBearer
		if method == nil || method.Jwks == nil || method.Jwks.Endpoint != endpoint || *method.Jwks.CacheExpiration != "1h" {
			return fmt.Errorf("%+v", got.Authentication)
		}
		return nil
	})
}

func partner(w *world) error {
	listed, err := w.admin.EventGatewayVirtualClusters.ListEventGatewayVirtualClusters(w.ctx,
		operations.ListEventGatewayVirtualClustersRequest{GatewayID: w.gateway})
	if err != nil {
		return err
	}
	for _, one := range listed.ListVirtualClustersResponse.Data {
		if one.Name == os.Getenv("KLAMM_PARTNER") {
			return nil
		}
	}
	return fmt.Errorf("%s is missing", os.Getenv("KLAMM_PARTNER"))
}

func configured(w *world) error {
	keys, err := w.reader.EventGatewayStaticKeys.ListEventGatewayStaticKeys(w.ctx,
		operations.ListEventGatewayStaticKeysRequest{GatewayID: w.gateway})
	if err != nil {
		return err
	}
	registries, err := w.reader.EventGatewaySchemaRegistries.ListEventGatewaySchemaRegistries(w.ctx,
		operations.ListEventGatewaySchemaRegistriesRequest{GatewayID: w.gateway})
	if err != nil {
		return err
	}
	if len(keys.ListEventGatewayStaticKeysResponse.Data) != 0 || len(registries.ListSchemaRegistriesResponse.Data) != 0 {
		return fmt.Errorf("%+v %+v", keys, registries)
	}
	_, err = w.admin.EventGatewayStaticKeys.CreateEventGatewayStaticKey(w.ctx, w.gateway,
		&components.EventGatewayStaticKeyCreate{Name: "k", Value: "c2VjcmV0"})
	return refused(err, "configuration of every node")
}

func pages(w *world) error {
	request := operations.ListEventGatewayVirtualClustersRequest{GatewayID: w.gateway, PageSize: pointer(int64(1))}
	seen := map[string]bool{}
	for range 50 {
		listed, err := w.admin.EventGatewayVirtualClusters.ListEventGatewayVirtualClusters(w.ctx, request)
		if err != nil {
			return err
		}
		page := listed.ListVirtualClustersResponse
		if len(page.Data) != 1 || seen[page.Data[0].ID] || page.Meta.Page.Size != 1 {
			return fmt.Errorf("%+v", page)
		}
		seen[page.Data[0].ID] = true
		if page.Meta.Page.Next == nil {
			if len(seen) < 2 {
				return fmt.Errorf("%d pages", len(seen))
			}
			return nil
		}
		_, after, found := strings.Cut(*page.Meta.Page.Next, "page[after]=")
		if !found {
			return fmt.Errorf("next is %s", *page.Meta.Page.Next)
		}
		after, _, _ = strings.Cut(after, "&")
		request.PageAfter = &after
	}
	return errors.New("they do not end")
}

func failures(w *world) error {
	_, err := w.admin.EventGatewayVirtualClusters.GetEventGatewayVirtualCluster(w.ctx, w.gateway, "00000000-0000-0000-0000-000000000001")
	var missing *sdkerrors.NotFoundError
	if !errors.As(err, &missing) || missing.Detail == nil {
		return fmt.Errorf("missing: %T %v", err, err)
	}
	_, err = w.nobody.EventGatewayVirtualClusters.GetEventGatewayVirtualCluster(w.ctx, w.gateway, w.made.ID)
	var unauthorized *sdkerrors.UnauthorizedError
	if !errors.As(err, &unauthorized) {
		return fmt.Errorf("unauthorized: %T %v", err, err)
	}
	_, err = w.reader.EventGatewayVirtualClusters.CreateEventGatewayVirtualCluster(w.ctx, w.gateway, request(w, "kong-never"))
	var forbidden *sdkerrors.ForbiddenError
	if !errors.As(err, &forbidden) {
		return fmt.Errorf("forbidden: %T %v", err, err)
	}
	wanted := request(w, "kong-never")
	wanted.DNSLabel = "Not-A-Label"
	_, err = w.admin.EventGatewayVirtualClusters.CreateEventGatewayVirtualCluster(w.ctx, w.gateway, wanted)
	var bad *sdkerrors.BadRequestError
	// Which of the forms of a parameter the SDK takes it for is its own affair.
	if !errors.As(err, &bad) || !strings.Contains(bad.Error(), `"field":"dns_label"`) {
		return fmt.Errorf("bad request: %T %v", err, err)
	}
	_, err = w.admin.EventGatewayVirtualClusters.CreateEventGatewayVirtualCluster(w.ctx, w.gateway, request(w, "kong-one"))
	return conflict(err, "kong-one")
}

func remove(w *world) error {
	deleted, err := w.admin.EventGatewayVirtualClusters.DeleteEventGatewayVirtualCluster(w.ctx, w.gateway, w.made.ID)
	if err != nil {
		return err
	}
	if deleted.StatusCode != 204 {
		return fmt.Errorf("%d", deleted.StatusCode)
	}
	_, err = w.admin.EventGatewayVirtualClusters.GetEventGatewayVirtualCluster(w.ctx, w.gateway, w.made.ID)
	var missing *sdkerrors.NotFoundError
	if !errors.As(err, &missing) {
		return fmt.Errorf("%T %v", err, err)
	}
	return nil
}
