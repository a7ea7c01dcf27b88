package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/Kong/sdk-konnect-go/models/components"
	"github.com/Kong/sdk-konnect-go/models/operations"
	"github.com/Kong/sdk-konnect-go/models/sdkerrors"
)

func policies(w *world) error {
	all := w.admin.EventGatewayVirtualClusterConsumePolicies
	add := func(policy components.EventGatewayConsumePolicyCreate, before *string) (*components.EventGatewayPolicy, error) {
		created, err := all.CreateEventGatewayVirtualClusterConsumePolicy(w.ctx,
			operations.CreateEventGatewayVirtualClusterConsumePolicyRequest{
				GatewayID: w.gateway, VirtualClusterID: w.made.ID, Before: before, EventGatewayConsumePolicyCreate: &policy})
		if err != nil {
			return nil, err
		}
		return created.EventGatewayPolicy, nil
	}
	skip, err := add(components.CreateEventGatewayConsumePolicyCreateSkipRecord(components.EventGatewaySkipRecordPolicyCreate{
		Name: pointer("only-mine"), Condition: pointer("record.headers['customer'] != 'a'"), Labels: map[string]string{"env": "test"}}), nil)
	if err != nil {
		return err
	}
	if skip.Type != "skip_record" || !isUUID(skip.ID) || skip.CreatedAt.IsZero() || skip.Labels["env"] != "test" || !*skip.Enabled {
		return fmt.Errorf("%+v", skip)
	}
	set := components.CreateEventGatewayModifyHeaderActionSet(components.EventGatewayModifyHeaderSetAction{Key: "a", Value: "${b}"})
	headers, err := add(components.CreateEventGatewayConsumePolicyCreateModifyHeaders(components.EventGatewayModifyHeadersPolicyCreate{
		Config: components.EventGatewayModifyHeadersPolicyCreateConfig{
			Actions: []components.EventGatewayModifyHeaderAction{set}}}), &skip.ID)
	if err != nil {
		return err
	}
	if headers.Name == nil || *headers.Name == "" {
		return fmt.Errorf("%+v", headers)
	}
	chain := func() ([]string, error) {
		got, err := all.GetEventGatewayVirtualClusterConsumePolicyChain(w.ctx, w.gateway, w.made.ID)
		if err != nil {
			return nil, err
		}
		return got.EventGatewayPolicyChainResponse.Policies, nil
	}
	if order, err := chain(); err != nil || !reflect.DeepEqual(order, []string{headers.ID, skip.ID}) {
		return fmt.Errorf("%v %v", order, err)
	}
	if _, err := all.MoveEventGatewayVirtualClusterConsumePolicy(w.ctx, operations.MoveEventGatewayVirtualClusterConsumePolicyRequest{
		GatewayID: w.gateway, VirtualClusterID: w.made.ID, PolicyID: skip.ID,
		MoveEventGatewayPolicy: &components.MoveEventGatewayPolicy{Index: 0}}); err != nil {
		return err
	}
	listed, err := all.ListEventGatewayVirtualClusterConsumePolicies(w.ctx,
		operations.ListEventGatewayVirtualClusterConsumePoliciesRequest{GatewayID: w.gateway, VirtualClusterID: w.made.ID})
	if err != nil {
		return err
	}
	if found := listed.ListConsumePoliciesResponse; len(found) != 2 || !reflect.DeepEqual(found[0], *skip) {
		return fmt.Errorf("%+v", found)
	}
	put, err := all.UpdateEventGatewayVirtualClusterConsumePolicyChain(w.ctx,
		operations.UpdateEventGatewayVirtualClusterConsumePolicyChainRequest{GatewayID: w.gateway, VirtualClusterID: w.made.ID,
			UpdateEventGatewayPolicyChainRequest: &components.UpdateEventGatewayPolicyChainRequest{Policies: []string{headers.ID, skip.ID}}})
	if err != nil {
		return err
	}
	if order := put.EventGatewayPolicyChainResponse.Policies; !reflect.DeepEqual(order, []string{headers.ID, skip.ID}) {
		return fmt.Errorf("%v", order)
	}
	for _, id := range []string{headers.ID, skip.ID} {
		if _, err := all.DeleteEventGatewayVirtualClusterConsumePolicy(w.ctx, operations.DeleteEventGatewayVirtualClusterConsumePolicyRequest{
			GatewayID: w.gateway, VirtualClusterID: w.made.ID, PolicyID: id}); err != nil {
			return err
		}
	}
	_, err = all.GetEventGatewayVirtualClusterConsumePolicy(w.ctx, operations.GetEventGatewayVirtualClusterConsumePolicyRequest{
		GatewayID: w.gateway, VirtualClusterID: w.made.ID, PolicyID: skip.ID})
	var missing *sdkerrors.NotFoundError
	if !errors.As(err, &missing) {
		return fmt.Errorf("%T %v", err, err)
	}
	return nil
}

func rights(w *world) error {
	names := components.CreateResourceNamesArrayOfEventGatewayACLResourceName([]components.EventGatewayACLResourceName{{Match: "orders-*"}})
	policy := func(name string) *components.EventGatewayClusterPolicyModify {
		made := components.CreateEventGatewayClusterPolicyModifyAcls(components.EventGatewayACLsPolicy{
			Name: &name, Condition: pointer("context.auth.principal.name == \"alice\""),
			Config: components.EventGatewayACLPolicyConfig{Rules: []components.EventGatewayACLRule{{
				ResourceType: components.ResourceTypeTopic, Action: components.ActionAllow,
				Operations: []components.EventGatewayACLOperation{{Name: components.NameRead}}, ResourceNames: names}}}})
		return &made
	}
	all := w.admin.EventGatewayVirtualClusterPolicies
	created, err := all.CreateEventGatewayVirtualClusterClusterLevelPolicy(w.ctx,
		operations.CreateEventGatewayVirtualClusterClusterLevelPolicyRequest{
			GatewayID: w.gateway, VirtualClusterID: os.Getenv("KLAMM_PARTNER"), EventGatewayClusterPolicyModify: policy("readers")})
	if err != nil {
		return err
	}
	if created.EventGatewayPolicy.Type != "acls" {
		return fmt.Errorf("%+v", created.EventGatewayPolicy)
	}
	names = components.CreateResourceNamesArrayOfEventGatewayACLResourceName([]components.EventGatewayACLResourceName{{Match: "a*b"}})
	_, err = all.CreateEventGatewayVirtualClusterClusterLevelPolicy(w.ctx,
		operations.CreateEventGatewayVirtualClusterClusterLevelPolicyRequest{
			GatewayID: w.gateway, VirtualClusterID: os.Getenv("KLAMM_PARTNER"), EventGatewayClusterPolicyModify: policy("others")})
	return refused(err, "all that begin alike")
}

// The policies of one phase of the virtual cluster, as the methods of the SDK reach them.
type phase struct {
	name   string
	create func() (*components.EventGatewayPolicy, error)
	get    func(id string) (*components.EventGatewayPolicy, error)
	patch  func(id string, change components.EventGatewayPolicyPatch) (*components.EventGatewayPolicy, error)
	delete func(id string) error
}

func produced(w *world) phase {
	all, gateway, vcluster := w.admin.EventGatewayVirtualClusterProducePolicies, w.gateway, w.made.ID
	wanted := components.CreateEventGatewayProducePolicyCreateModifyHeaders(components.EventGatewayModifyHeadersPolicyCreate{
		Name: pointer("mark-mine"),
		Config: components.EventGatewayModifyHeadersPolicyCreateConfig{Actions: []components.EventGatewayModifyHeaderAction{
			components.CreateEventGatewayModifyHeaderActionSet(components.EventGatewayModifyHeaderSetAction{Key: "customer", Value: "a"})}}})
	return phase{
		"produce",
		func() (*components.EventGatewayPolicy, error) {
			made, err := all.CreateEventGatewayVirtualClusterProducePolicy(w.ctx, operations.CreateEventGatewayVirtualClusterProducePolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, EventGatewayProducePolicyCreate: &wanted})
			if err != nil {
				return nil, err
			}
			return made.EventGatewayPolicy, nil
		},
		func(id string) (*components.EventGatewayPolicy, error) {
			got, err := all.GetEventGatewayVirtualClusterProducePolicy(w.ctx, operations.GetEventGatewayVirtualClusterProducePolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id})
			if err != nil {
				return nil, err
			}
			return got.EventGatewayPolicy, nil
		},
		func(id string, change components.EventGatewayPolicyPatch) (*components.EventGatewayPolicy, error) {
			changed, err := all.PatchEventGatewayVirtualClusterProducePolicy(w.ctx, operations.PatchEventGatewayVirtualClusterProducePolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id, EventGatewayPolicyPatch: &change})
			if err != nil {
				return nil, err
			}
			return changed.EventGatewayPolicy, nil
		},
		func(id string) error {
			_, err := all.DeleteEventGatewayVirtualClusterProducePolicy(w.ctx, operations.DeleteEventGatewayVirtualClusterProducePolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id})
			return err
		},
	}
}

func consumed(w *world) phase {
	all, gateway, vcluster := w.admin.EventGatewayVirtualClusterConsumePolicies, w.gateway, w.made.ID
	wanted := components.CreateEventGatewayConsumePolicyCreateSkipRecord(components.EventGatewaySkipRecordPolicyCreate{
		Name: pointer("only-mine"), Condition: pointer("record.headers['customer'] != 'a'")})
	return phase{
		"consume",
		func() (*components.EventGatewayPolicy, error) {
			made, err := all.CreateEventGatewayVirtualClusterConsumePolicy(w.ctx, operations.CreateEventGatewayVirtualClusterConsumePolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, EventGatewayConsumePolicyCreate: &wanted})
			if err != nil {
				return nil, err
			}
			return made.EventGatewayPolicy, nil
		},
		func(id string) (*components.EventGatewayPolicy, error) {
			got, err := all.GetEventGatewayVirtualClusterConsumePolicy(w.ctx, operations.GetEventGatewayVirtualClusterConsumePolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id})
			if err != nil {
				return nil, err
			}
			return got.EventGatewayPolicy, nil
		},
		func(id string, change components.EventGatewayPolicyPatch) (*components.EventGatewayPolicy, error) {
			changed, err := all.PatchEventGatewayVirtualClusterConsumePolicy(w.ctx, operations.PatchEventGatewayVirtualClusterConsumePolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id, EventGatewayPolicyPatch: &change})
			if err != nil {
				return nil, err
			}
			return changed.EventGatewayPolicy, nil
		},
		func(id string) error {
			_, err := all.DeleteEventGatewayVirtualClusterConsumePolicy(w.ctx, operations.DeleteEventGatewayVirtualClusterConsumePolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id})
			return err
		},
	}
}

func clustered(w *world) phase {
	all, gateway, vcluster := w.admin.EventGatewayVirtualClusterPolicies, w.gateway, os.Getenv("KLAMM_PARTNER")
	wanted := components.CreateEventGatewayClusterPolicyModifyAcls(components.EventGatewayACLsPolicy{
		Name: pointer("patched-readers"), Condition: pointer("context.auth.principal.name == 'bob'"),
		Config: components.EventGatewayACLPolicyConfig{Rules: []components.EventGatewayACLRule{{
			ResourceType: components.ResourceTypeTopic, Action: components.ActionAllow,
			Operations: []components.EventGatewayACLOperation{{Name: components.NameRead}},
			ResourceNames: components.CreateResourceNamesArrayOfEventGatewayACLResourceName(
				[]components.EventGatewayACLResourceName{{Match: "orders-*"}})}}}})
	return phase{
		"cluster",
		func() (*components.EventGatewayPolicy, error) {
			made, err := all.CreateEventGatewayVirtualClusterClusterLevelPolicy(w.ctx, operations.CreateEventGatewayVirtualClusterClusterLevelPolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, EventGatewayClusterPolicyModify: &wanted})
			if err != nil {
				return nil, err
			}
			return made.EventGatewayPolicy, nil
		},
		func(id string) (*components.EventGatewayPolicy, error) {
			got, err := all.GetEventGatewayVirtualClusterClusterLevelPolicy(w.ctx, operations.GetEventGatewayVirtualClusterClusterLevelPolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id})
			if err != nil {
				return nil, err
			}
			return got.EventGatewayPolicy, nil
		},
		func(id string, change components.EventGatewayPolicyPatch) (*components.EventGatewayPolicy, error) {
			changed, err := all.PatchEventGatewayVirtualClusterClusterLevelPolicy(w.ctx, operations.PatchEventGatewayVirtualClusterClusterLevelPolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id, EventGatewayPolicyPatch: &change})
			if err != nil {
				return nil, err
			}
			return changed.EventGatewayPolicy, nil
		},
		func(id string) error {
			_, err := all.DeleteEventGatewayVirtualClusterClusterLevelPolicy(w.ctx, operations.DeleteEventGatewayVirtualClusterClusterLevelPolicyRequest{
				GatewayID: gateway, VirtualClusterID: vcluster, PolicyID: id})
			return err
		},
	}
}

func patched(w *world) error {
	for _, phase := range []phase{produced(w), consumed(w), clustered(w)} {
		if err := patchedOf(phase); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return nil
}

// Each change says some fields; the others, the id and what the policy does stay as they are.
func patchedOf(of phase) error {
	made, err := of.create()
	if err != nil {
		return err
	}
	expected := *made
	change := func(patch components.EventGatewayPolicyPatch) error {
		changed, err := of.patch(made.ID, patch)
		if err != nil {
			return err
		}
		if changed.UpdatedAt.Before(expected.UpdatedAt) {
			return fmt.Errorf("updated %v, then %v", expected.UpdatedAt, changed.UpdatedAt)
		}
		expected.UpdatedAt = changed.UpdatedAt
		got, err := of.get(made.ID)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(*changed, expected) || !reflect.DeepEqual(*got, expected) {
			return fmt.Errorf("%+v, got as %+v, is not %+v", changed, got, expected)
		}
		return nil
	}
	expected.Enabled = pointer(false)
	if err := change(components.EventGatewayPolicyPatch{Enabled: pointer(false)}); err != nil {
		return err
	}
	expected.Description, expected.Labels = pointer("changed"), map[string]string{"env": "test", "team": "a"}
	if err := change(components.EventGatewayPolicyPatch{Description: expected.Description, Labels: expected.Labels}); err != nil {
		return err
	}
	// Labels take the place of all that there were; the name may be said if it is the same.
	expected.Enabled, expected.Labels = pointer(true), map[string]string{"team": "b"}
	if err := change(components.EventGatewayPolicyPatch{Name: made.Name, Enabled: expected.Enabled, Labels: expected.Labels}); err != nil {
		return err
	}
	expected.Condition = pointer("context.auth.principal.name == 'carol'")
	if err := change(components.EventGatewayPolicyPatch{Condition: expected.Condition}); err != nil {
		return err
	}
	if err := change(components.EventGatewayPolicyPatch{}); err != nil {
		return err
	}
	if err := unpatched(of, made.ID); err != nil {
		return err
	}
	// What was refused has changed nothing.
	if err := change(components.EventGatewayPolicyPatch{}); err != nil {
		return err
	}
	return of.delete(made.ID)
}

// Changes that are refused.
func unpatched(of phase, id string) error {
	_, err := of.patch(id, components.EventGatewayPolicyPatch{Condition: pointer("a ==")})
	if err := refused(err, "condition"); err != nil {
		return err
	}
	_, err = of.patch(id, components.EventGatewayPolicyPatch{Name: pointer("other")})
	if err := conflict(err, "cannot be renamed"); err != nil {
		return err
	}
	_, err = of.patch("00000000-0000-0000-0000-000000000001", components.EventGatewayPolicyPatch{Enabled: pointer(false)})
	// The SDK has no type of its own for this answer to a PATCH.
	var missing *sdkerrors.SDKError
	if !errors.As(err, &missing) || missing.StatusCode != 404 {
		return fmt.Errorf("missing: %T %v", err, err)
	}
	return nil
}
